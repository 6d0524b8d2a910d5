import Modules

// The SQL of second factors and recovery codes.
extension Transaction {
    /// Inserts an authenticator, or replaces one that is not confirmed.
    /// - Returns: false when a confirmed authenticator exists.
    func insertSecondFactor(of person: ID<Person>, sealedSecret: String, codes: [String]) throws -> Bool {
        let written = try execute(
            """
            INSERT INTO second_factors (person_id, sealed_secret, last_step, created_at)
            VALUES (\(person), \(sealedSecret), 0, \(now))
            ON CONFLICT (person_id) DO UPDATE
                SET sealed_secret = excluded.sealed_secret, last_step = 0, created_at = excluded.created_at
                WHERE second_factors.confirmed_at IS NULL
            """
        )
        guard written == 1 else { return false }
        try replaceRecoveryCodes(of: person, with: codes)
        return true
    }

    func replaceRecoveryCodes(of person: ID<Person>, with hashes: [String]) throws {
        try execute("DELETE FROM recovery_codes WHERE person_id = \(person)")
        for hash in hashes {
            try execute("INSERT INTO recovery_codes (person_id, code_hash) VALUES (\(person), \(hash))")
        }
    }

    func secondFactorStatus(of person: ID<Person>) throws -> SecondFactorStatus {
        let row = try first("SELECT confirmed_at FROM second_factors WHERE person_id = \(person)")
        let confirmedAt = try row?.read("confirmed_at", as: Instant?.self)
        let isEnabled = confirmedAt != nil
        return SecondFactorStatus(
            enabled: isEnabled,
            enabledAt: confirmedAt,
            pending: row != nil && !isEnabled,
            backupCodesRemaining: isEnabled ? try countRecoveryCodes(of: person) : 0
        )
    }

    /// The person's authenticator, confirmed or pending. Its row is locked.
    func secondFactor(of person: ID<Person>) throws -> SecondFactor? {
        try first(
            """
            SELECT person_id, sealed_secret, last_step, confirmed_at FROM second_factors
            WHERE person_id = \(person) \(.forUpdate)
            """,
            SecondFactor.init
        )
    }

    func hasSecondFactor(_ person: ID<Person>) throws -> Bool {
        try count(
            "SELECT COUNT(*) AS count FROM second_factors WHERE person_id = \(person) AND confirmed_at IS NOT NULL") > 0
    }

    /// Marks a time step and every earlier one as used.
    /// - Returns: false for a used step, and while the authenticator is not confirmed.
    func spendStep(_ step: Int64, of person: ID<Person>) throws -> Bool {
        try execute(
            """
            UPDATE second_factors SET last_step = \(step)
            WHERE person_id = \(person) AND last_step < \(step) AND confirmed_at IS NOT NULL
            """
        ) == 1
    }

    /// Confirms a pending authenticator and marks the time step of its code as used.
    /// - Returns: false for a confirmed authenticator.
    func confirmSecondFactor(of person: ID<Person>, step: Int64) throws -> Bool {
        try execute(
            """
            UPDATE second_factors SET last_step = \(step), confirmed_at = \(now)
            WHERE person_id = \(person) AND last_step < \(step) AND confirmed_at IS NULL
            """
        ) == 1
    }

    /// - Returns: false for an unknown or used code.
    func spendRecoveryCode(_ hash: String, of person: ID<Person>) throws -> Bool {
        try execute(
            """
            UPDATE recovery_codes SET used_at = \(now)
            WHERE person_id = \(person) AND code_hash = \(hash) AND used_at IS NULL
            """
        ) == 1
    }

    func countRecoveryCodes(of person: ID<Person>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM recovery_codes WHERE person_id = \(person) AND used_at IS NULL")
    }

    /// Deletes a confirmed authenticator; the foreign key deletes its recovery codes.
    /// - Returns: false when there is none.
    func deleteSecondFactor(of person: ID<Person>) throws -> Bool {
        try execute("DELETE FROM second_factors WHERE person_id = \(person) AND confirmed_at IS NOT NULL") == 1
    }
}
