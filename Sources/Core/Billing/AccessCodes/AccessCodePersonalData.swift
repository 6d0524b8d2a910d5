import Identity
import Modules

/// Personal data of access codes. A used code stays used, under a pseudonym.
enum AccessCodePersonalData {
    static let tables = [
        PersonalDataTable(
            "access-codes", in: "access_codes",
            selection: {
                """
                SELECT id, used_by AS organisation_id, plan_id, days, used_at FROM access_codes
                WHERE used_by IN \(list: $0.organisations) ORDER BY used_at, id
                """
            }
        ) { subject, pseudonym, transaction in
            for organisation in subject.organisations(as: pseudonym) {
                try transaction.renameAccessCodeUser(organisation.id, to: organisation.pseudonym)
            }
            // Codes stay, without their author.
            try transaction.execute("UPDATE access_codes SET created_by = NULL WHERE created_by = \(subject.person)")
        }
    ]
}
