import Modules

extension IdentityModule {
    /// A person's own second factor.
    var secondFactorRoutes: [Route] {
        let refusals: [Problem.Kind] = [.wrongPassword, .invalidSecondFactor, .accountLocked, .secondFactorNotActive]
        return [
            .get("auth/mfa", "Whether signing in asks for a second factor", requires: member) { scope in
                try await secondFactor.status(scope)
            },
            .post(
                "auth/mfa/setup", "Set up an authenticator", requires: member.inPerson,
                problems: [.wrongPassword, .accountLocked, .secondFactorActive, .notFound]
            ) { (request: PasswordAsked, scope) in
                try await secondFactor.setUp(request, scope: scope)
            },
            .post(
                "auth/mfa/verify", "Take the authenticator into use with a code of it", requires: member.inPerson,
                problems: [.invalidSecondFactor, .secondFactorActive, .secondFactorNotActive]
            ) { (request: CodeAsked, scope) in
                try await secondFactor.enable(request, scope: scope)
            },
            .get("auth/mfa/backup-codes", "How many recovery codes are left", requires: member) { scope in
                RecoveryCodesLeft(remaining: try await secondFactor.status(scope).backupCodesRemaining)
            },
            .post(
                "auth/mfa/backup-codes", "Make new recovery codes in place of the old ones", requires: member.inPerson,
                problems: refusals + [.notFound]
            ) {
                (request: PasswordAndCode, scope) in
                try await secondFactor.replaceCodes(request, scope: scope)
            },
            .post(
                "auth/mfa/disable", "Give the second factor up", requires: member.inPerson,
                problems: refusals + [.notFound]
            ) {
                (request: PasswordAndCode, scope) in
                try await secondFactor.disable(request, scope: scope)
            },
        ]
    }
}

struct PasswordAsked: Payload {
    var password: String

    static let rules: [String: Rule] = ["password": .length(1...1_024)]
}

struct CodeAsked: Payload {
    /// The six digits that the authenticator shows.
    var code: String

    static let rules: [String: Rule] = ["code": .length(1...64)]
}

struct PasswordAndCode: Payload {
    var password: String
    /// What the authenticator shows, or a recovery code.
    var code: String

    static let rules: [String: Rule] = ["password": .length(1...1_024), "code": .length(1...64)]
}

struct SecondFactorStatus: Payload {
    var enabled: Bool
    var enabledAt: Instant?
    /// An authenticator was set up, and no code of it was shown yet.
    var pending: Bool
    var backupCodesRemaining: Int64
}

/// What is shown once, and never again.
struct SecondFactorSetup: Payload {
    /// In base32, to be typed where there is no camera.
    var secret: String
    var otpauthUri: String
    /// A picture of the address, as a PNG in a data URL.
    var qrCode: String
    var backupCodes: [String]
}

struct RecoveryCodes: Payload {
    var backupCodes: [String]
}

struct RecoveryCodesLeft: Payload {
    var remaining: Int64
}
