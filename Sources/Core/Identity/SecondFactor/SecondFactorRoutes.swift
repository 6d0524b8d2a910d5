import Modules

/// A person's own second factor (MFA).
struct SecondFactorRoutes {
    let secondFactor: SecondFactorService
    let member: Member
    let verified: VerifiedRequirement

    private static let refusals: [Problem.Kind] = [
        .wrongPassword, .invalidSecondFactor, .accountLocked, .secondFactorNotActive, .notFound,
    ]

    var routes: [Route] {
        [
            .get("auth/mfa", "Get the state of your MFA", requires: member) { [secondFactor] scope in
                try await secondFactor.status(scope)
            },
            .post(
                "auth/mfa/setup", "Set up an authenticator", requires: member.inPerson, verified,
                problems: [.wrongPassword, .accountLocked, .secondFactorActive, .notFound]
            ) { [secondFactor] (payload: SecondFactorSetupRequest, scope, _) in
                try await secondFactor.setUp(payload, scope: scope)
            },
            .post(
                "auth/mfa/verify", "Enable MFA with a code of the authenticator", requires: member.inPerson,
                verified, problems: [.invalidSecondFactor, .secondFactorActive, .secondFactorNotActive]
            ) { [secondFactor] (payload: SecondFactorCodeRequest, scope, _) in
                try await secondFactor.enable(payload, scope: scope)
            },
            .get("auth/mfa/backup-codes", "Count your unused recovery codes", requires: member) {
                [secondFactor] scope in
                RecoveryCodeCount(remaining: try await secondFactor.status(scope).backupCodesRemaining)
            },
            .post(
                "auth/mfa/backup-codes", "Replace your recovery codes", requires: member.inPerson,
                problems: Self.refusals
            ) { [secondFactor] (payload: SecondFactorChangeRequest, scope) in
                try await secondFactor.replaceCodes(payload, scope: scope)
            },
            .post("auth/mfa/disable", "Disable MFA", requires: member.inPerson, problems: Self.refusals) {
                [secondFactor] (payload: SecondFactorChangeRequest, scope) in
                try await secondFactor.disable(payload, scope: scope)
            },
        ]
    }
}
