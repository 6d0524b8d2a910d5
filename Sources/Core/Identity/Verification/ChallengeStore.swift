import Modules

/// The SQL of challenges. Inserts and attempts hold the lock on the person's row, so that counts are exact.
extension Transaction {
    /// Inserts a challenge within the limits of ``Challenge/pause`` and ``Challenge/mailsPerHour``. The latter holds
    /// for the account and for the recipient, whose lock it takes: an account that is closed and registered again has
    /// the recipient's count, and so do other accounts that ask for a change to the recipient's address.
    /// - Returns: false where a limit is reached, and for a person who does not exist.
    func insert(_ new: NewChallenge) throws -> Bool {
        let recipient = MailRecipient(of: new.email)
        try lock(recipient)
        return try execute(
            """
            INSERT INTO challenges (id, person_id, purpose, email, email_key, link_hash, link_expires_at, code_hash,
                                    code_expires_at, tries, created_at)
            SELECT \(new.id), \(new.person), \(new.purpose), \(new.email), \(recipient.key), \(new.linkHash),
                   \(now + new.purpose.linkLifetime), \(new.codeHash), \(now + Challenge.codeLifetime), 0, \(now)
            WHERE EXISTS (SELECT 1 FROM people WHERE id = \(new.person)) AND NOT EXISTS (
                SELECT 1 FROM challenges
                WHERE person_id = \(new.person) AND purpose = \(new.purpose) AND created_at > \(now - Challenge.pause)
            ) AND (
                SELECT COUNT(*) FROM challenges
                WHERE person_id = \(new.person) AND purpose = \(new.purpose) AND created_at > \(now - .hours(1))
            ) < \(Challenge.mailsPerHour) AND (
                SELECT COUNT(*) FROM challenges
                WHERE email_key = \(recipient.key) AND purpose = \(new.purpose) AND created_at > \(now - .hours(1))
            ) < \(Challenge.mailsPerHour)
            """
        ) == 1
    }

    func challenge(withLink hash: String) throws -> Challenge? {
        try first(Self.selectChallenge + "WHERE link_hash = \(hash)", Challenge.init)
    }

    /// Ends a challenge by its link.
    /// - Returns: false where the link has expired or the challenge has ended.
    func useLink(of id: ID<Challenge>) throws -> Bool {
        try execute(
            "UPDATE challenges SET ended_at = \(now) WHERE id = \(id) AND ended_at IS NULL AND link_expires_at > \(now)"
        ) == 1
    }

    /// Counts an attempt at the code that was sent last.
    /// - Returns: the challenge to compare the code with; nil where the attempts are used up or the code has expired.
    func countTry(by person: ID<Person>, for purpose: Challenge.Purpose) throws -> Challenge? {
        try first(
            """
            UPDATE challenges SET tries = tries + 1
            WHERE id = (
                    SELECT id FROM challenges WHERE person_id = \(person) AND purpose = \(purpose)
                    ORDER BY created_at DESC, id DESC LIMIT 1
                )
                AND tries < \(Challenge.triesPerCode) AND code_expires_at > \(now) AND (
                    SELECT CAST(COALESCE(SUM(tries), 0) AS \(.integer)) FROM challenges
                    WHERE person_id = \(person) AND purpose = \(purpose) AND created_at > \(now - .days(1))
                ) < \(Challenge.triesPerDay)
            RETURNING id, person_id, purpose, email, code_hash, ended_at
            """,
            Challenge.init
        )
    }

    /// Ends the open challenges of some purposes: their links and codes are no longer accepted.
    func endChallenges(of person: ID<Person>, for purposes: [Challenge.Purpose] = Challenge.Purpose.allCases) throws {
        try execute(
            """
            UPDATE challenges SET ended_at = \(now)
            WHERE person_id = \(person) AND purpose IN \(list: purposes) AND ended_at IS NULL
            """
        )
    }

    /// Deletes challenges older than ``Challenge/kept``.
    /// - Returns: how many were deleted, at most `limit`.
    func pruneChallenges(limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM challenges WHERE id IN (
                SELECT id FROM challenges WHERE created_at < \(now - Challenge.kept) ORDER BY created_at LIMIT \(limit)
            )
            """
        )
    }

    /// - Returns: false where the address is verified.
    func markEmailVerified(_ person: ID<Person>) throws -> Bool {
        try execute(
            """
            UPDATE people SET email_verified_at = \(now), updated_at = \(now)
            WHERE id = \(person) AND email_verified_at IS NULL
            """
        ) == 1
    }

    /// Sets another, verified address. A user name that equals the old address is deleted: another account may get that
    /// address.
    func changeEmail(of person: ID<Person>, to email: EmailAddress) throws {
        try execute(
            """
            UPDATE people SET email = \(email.text), email_key = \(email.key), email_verified_at = \(now),
                updated_at = \(now),
                username = CASE WHEN username_key = email_key THEN NULL ELSE username END,
                username_key = CASE WHEN username_key = email_key THEN NULL ELSE username_key END
            WHERE id = \(person)
            """
        )
    }

    private static var selectChallenge: SQL {
        "SELECT id, person_id, purpose, email, code_hash, ended_at FROM challenges "
    }
}
