import Modules

/// Every SQL statement about second factors.
extension Transaction {
    /// Puts a new authenticator in place of one that was never confirmed.
    /// - Returns: false where one is in use.
    func insertSecondFactor(of person: ID<Person>, sealedSecret: String, codes: [String]) throws -> Bool {
        let isNew = try execute(
            """
            INSERT INTO second_factors (person_id, sealed_secret, last_step, created_at) VALUES (\(person), \(sealedSecret), 0, \(now))
            ON CONFLICT (person_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, last_step = 0, created_at = excluded.created_at
            WHERE second_factors.confirmed_at IS NULL
            """
        )
        guard isNew == 1 else { return false }
        try replaceRecoveryCodes(of: person, with: codes)
        return true
    }

    func replaceRecoveryCodes(of person: ID<Person>, with hashes: [String]) throws {
        try execute("DELETE FROM recovery_codes WHERE person_id = \(person)")
        for hash in hashes {
            try execute("INSERT INTO recovery_codes (person_id, code_hash) VALUES (\(person), \(hash))")
        }
    }

    /// The authenticator of a person, in use or not; its row is locked.
    func secondFactor(of person: ID<Person>) throws -> SecondFactor? {
        try first(
            "SELECT person_id, sealed_secret, last_step, confirmed_at FROM second_factors WHERE person_id = \(person) \(.forUpdate)",
            SecondFactor.init
        )
    }

    func hasSecondFactor(_ person: ID<Person>) throws -> Bool {
        try count(
            "SELECT COUNT(*) AS count FROM second_factors WHERE person_id = \(person) AND confirmed_at IS NOT NULL") > 0
    }

    /// Uses up a step and all before it.
    /// - Returns: false where it was used up already, or the authenticator is not in use.
    func spendStep(_ step: Int64, of person: ID<Person>) throws -> Bool {
        try execute(
            "UPDATE second_factors SET last_step = \(step) WHERE person_id = \(person) AND last_step < \(step) AND confirmed_at IS NOT NULL"
        ) == 1
    }

    /// Takes an authenticator into use, with the step that proved it.
    /// - Returns: false where it is in use.
    func confirmSecondFactor(of person: ID<Person>, step: Int64) throws -> Bool {
        try execute(
            """
            UPDATE second_factors SET last_step = \(step), confirmed_at = \(now)
            WHERE person_id = \(person) AND last_step < \(step) AND confirmed_at IS NULL
            """
        ) == 1
    }

    /// - Returns: false for a code that there is not, or that was used.
    func spendRecoveryCode(_ hash: String, of person: ID<Person>) throws -> Bool {
        try execute(
            "UPDATE recovery_codes SET used_at = \(now) WHERE person_id = \(person) AND code_hash = \(hash) AND used_at IS NULL"
        ) == 1
    }

    func countRecoveryCodes(of person: ID<Person>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM recovery_codes WHERE person_id = \(person) AND used_at IS NULL")
    }

    /// The recovery codes go with it.
    /// - Returns: false where there is none in use.
    func deleteSecondFactor(of person: ID<Person>) throws -> Bool {
        try execute("DELETE FROM second_factors WHERE person_id = \(person) AND confirmed_at IS NOT NULL") == 1
    }
}
