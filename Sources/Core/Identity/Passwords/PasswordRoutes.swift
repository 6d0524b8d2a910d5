import Modules

/// Changing and resetting a password.
struct PasswordRoutes {
    let passwords: PasswordService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "auth/change-password", "Change your password and end your other sessions", requires: member.inPerson,
                problems: [
                    .wrongPassword, .invalidSecondFactor, .reauthenticationRequired, .accountLocked, .conflict,
                    .notFound,
                ]
            ) { [passwords] (payload: PasswordChange, scope) in
                try await passwords.change(payload, scope: scope)
            },
            .post("auth/forgot-password", "Request a mail that resets the password", requires: .public) {
                [passwords] (payload: EmailRequest, client) in
                try await passwords.requestReset(payload.email, client: client)
            },
            .post(
                "auth/reset-password", "Set a new password by the token or the code of a mail", requires: .public,
                problems: [.invalidProof, .proofUsed]
            ) { [passwords] (payload: PasswordReset, client) in
                let proof = try Proof(token: payload.token, email: payload.email, code: payload.otpCode)
                return try await passwords.reset(proof, to: payload.newPassword, client: client)
            },
        ]
    }
}
