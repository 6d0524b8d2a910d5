import Modules

/// Every SQL statement about challenges. Whoever sends or tries one holds the lock on its person, so that the counts stand.
extension Transaction {
    /// Writes a challenge, unless its person got as many of its purpose as one may.
    /// - Returns: false when nothing was written.
    func insert(_ new: NewChallenge) throws -> Bool {
        try execute(
            """
            INSERT INTO challenges (id, person_id, purpose, email, link_hash, link_expires_at, code_hash, code_expires_at, tries, created_at)
            SELECT \(new.id), \(new.person), \(new.purpose), \(new.email), \(new.linkHash), \(now + new.purpose.linkLifetime),
                   \(new.codeHash), \(now + Challenge.codeLifetime), 0, \(now)
            WHERE NOT EXISTS (
                SELECT 1 FROM challenges WHERE person_id = \(new.person) AND purpose = \(new.purpose) AND created_at > \(now - Challenge.pause)
            ) AND (
                SELECT COUNT(*) FROM challenges WHERE person_id = \(new.person) AND purpose = \(new.purpose) AND created_at > \(now - .hours(1))
            ) < \(Challenge.mailsPerHour)
            """
        ) == 1
    }

    func challenge(withLink hash: String) throws -> Challenge? {
        try first(Self.selectChallenge + "WHERE link_hash = \(hash)", Challenge.init)
    }

    /// Ends a challenge by its link.
    /// - Returns: false when it is too late, or it ended before.
    func useLink(of id: ID<Challenge>) throws -> Bool {
        try execute(
            "UPDATE challenges SET ended_at = \(now) WHERE id = \(id) AND ended_at IS NULL AND link_expires_at > \(now)"
        ) == 1
    }

    /// Counts a try of the code that was sent last.
    /// - Returns: what it is to be compared with; nil when no code may be tried now.
    func countTry(by person: ID<Person>, for purpose: Challenge.Purpose) throws -> Challenge? {
        try first(
            """
            UPDATE challenges SET tries = tries + 1
            WHERE id = (SELECT id FROM challenges WHERE person_id = \(person) AND purpose = \(purpose) ORDER BY created_at DESC, id DESC LIMIT 1)
                AND tries < \(Challenge.triesPerCode) AND code_expires_at > \(now) AND (
                    SELECT CAST(COALESCE(SUM(tries), 0) AS \(.integer)) FROM challenges
                    WHERE person_id = \(person) AND purpose = \(purpose) AND created_at > \(now - .days(1))
                ) < \(Challenge.triesPerDay)
            RETURNING id, person_id, purpose, email, code_hash, ended_at
            """,
            Challenge.init
        )
    }

    /// Ends what is left of a purpose, or of all of them: links and codes of before do nothing from now on.
    func endChallenges(of person: ID<Person>, for purposes: [Challenge.Purpose] = Challenge.Purpose.allCases) throws {
        try execute(
            "UPDATE challenges SET ended_at = \(now) WHERE person_id = \(person) AND purpose IN \(list: purposes) AND ended_at IS NULL"
        )
    }

    /// - Returns: how many were forgotten, at most `limit`.
    func forgetChallenges(limit: Int) throws -> Int {
        try execute(
            "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE created_at < \(now - Challenge.kept) ORDER BY created_at LIMIT \(limit))"
        )
    }

    /// - Returns: false when the address was proved before.
    func markEmailVerified(_ person: ID<Person>) throws -> Bool {
        try execute(
            "UPDATE people SET email_verified_at = \(now), updated_at = \(now) WHERE id = \(person) AND email_verified_at IS NULL"
        ) == 1
    }

    /// Gives a person another address, proved already. A user name that was the old address goes with it: it may be somebody else's one day.
    func changeEmail(of person: ID<Person>, to email: EmailAddress) throws {
        try execute(
            """
            UPDATE people SET email = \(email.text), email_key = \(email.key), email_verified_at = \(now), updated_at = \(now),
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
