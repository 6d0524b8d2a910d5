import Modules

/// The SQL of limits by recipient.
extension Transaction {
    /// Makes transactions that count the e-mails to a recipient wait for this one, in whatever accounts and
    /// organisations they are. It is the last lock that a transaction takes, so that none waits for another in turn.
    func lock(_ recipient: MailRecipient) throws {
        try execute(
            """
            INSERT INTO mail_recipient_locks (slot, locked_at) VALUES (\(recipient.slot), \(now))
            ON CONFLICT (slot) DO UPDATE SET locked_at = excluded.locked_at
            """
        )
    }
}
