package import Modules

/// What gives lasting power, such as a role, a membership, a key or a plan, is decided in the transaction that has the
/// effect: the gate's answers are older, and the work may have waited for a body, a password or a lock.
///
/// Locks are taken in the order administrators, accounts, organisations.
extension Transaction {
    /// Reads the caller's account and credential again. The account's row is locked until the transaction ends, as a
    /// suspension, a reset and a change of the role lock it: what they end includes what this transaction makes.
    /// - Throws: `token-expired` where the account is suspended or closed or the session has ended;
    ///   `authentication-failed` for an API key that has ended.
    @discardableResult
    package func requireCaller(_ scope: Scope) throws -> Person {
        guard let person = try lockedPerson(scope.person), !person.isSuspended else { throw Problem(.tokenExpired) }
        switch scope.credential {
        case .session(let session):
            // A session that is idle or old ends with its access token, which the gate has checked.
            guard try first("SELECT id FROM sessions WHERE id = \(session) AND revoked_at IS NULL") != nil else {
                throw Problem(.tokenExpired)
            }
        case .key(let id, _):
            guard let key = try key(id, of: scope.person), key.revokedAt == nil, key.expiresAt.map({ $0 > now }) ?? true
            else { throw Problem(.authenticationFailed, members: ["details": "the API key is not valid any more"]) }
        }
        return person
    }

    /// As ``requireCaller(_:)``, for work that requires one of several account roles; administrators have every one.
    /// - Throws: also `insufficient-role`.
    @discardableResult
    package func requireCaller(_ scope: Scope, as roles: Role...) throws -> Person {
        let caller = try requireCaller(scope)
        guard roles.contains(caller.role) || caller.role == .admin else {
            throw Problem(.insufficientRole)
        }
        return caller
    }

    /// As ``requireCaller(_:)``, for work in the scope's organisation, which is locked too until the transaction ends.
    /// - Returns: the caller's present role in the organisation.
    /// - Throws: also `not-found` where the caller is no longer a member; `insufficient-role`.
    @discardableResult
    package func authority(of scope: Scope, _ allowed: [OrganisationRole]) throws -> OrganisationRole {
        try requireCaller(scope)
        guard try lock(scope.organisation), let member = try membership(of: scope.person, in: scope.organisation) else {
            throw Problem(.notFound)
        }
        guard allowed.contains(member.role) else { throw Problem(.insufficientRole) }
        return member.role
    }

    /// Whether the caller is an owner or administrator of the scope's organisation at present.
    package func manages(_ scope: Scope) throws -> Bool {
        guard let member = try membership(of: scope.person, in: scope.organisation) else { return false }
        return member.role != .member
    }
}
