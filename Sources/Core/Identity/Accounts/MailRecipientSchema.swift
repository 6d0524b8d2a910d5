import Modules

enum MailRecipientSchema {
    // `recipient_key` is the address without a sub-address, by which invitations to one mailbox are counted.
    static let migration = Migration(
        "identity-011-mail-recipients",
        """
        CREATE TABLE mail_recipient_locks (
            slot \(.integer) PRIMARY KEY NOT NULL,
            locked_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "ALTER TABLE invitations ADD COLUMN recipient_key TEXT NOT NULL DEFAULT ''",
        "UPDATE invitations SET recipient_key = email_key",
        "DROP INDEX invitations_by_recipient",
        "CREATE INDEX invitations_by_recipient ON invitations (recipient_key, created_at)"
    )
}
