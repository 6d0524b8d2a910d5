import Modules

/// Verifying an e-mail address and changing it.
struct VerificationRoutes {
    let verification: VerificationService
    let member: Member

    var routes: [Route] { endpoints + pages }

    private var endpoints: [Route] {
        [
            .post(
                "auth/verify-email", "Verify an e-mail address by the token or the code of a mail", requires: .public,
                problems: [.invalidProof, .proofUsed, .accountExists]
            ) { [verification] (payload: EmailVerification, client) in
                try await verification.verify(
                    try Proof(token: payload.token, email: payload.email, code: payload.otpCode), client: client)
            },
            .post("auth/resend-verification", "Send the verification mail again", requires: .public) {
                [verification] (payload: EmailRequest, client) in
                try await verification.resend(to: payload.email, client: client)
            },
            .post(
                "auth/change-email", "Request a change of the e-mail address; the new one has to be verified",
                requires: member.inPerson,
                problems: [
                    .wrongPassword, .invalidSecondFactor, .reauthenticationRequired, .accountLocked, .tooManyMails,
                    .notFound,
                ]
            ) { [verification] (payload: AddressChange, scope) in
                try await verification.changeAddress(payload, scope: scope)
            },
        ]
    }

    private var pages: [Route] {
        [
            .get(
                "verify-email", "The page of a link that verifies an e-mail address", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.verifyEmail(token: token ?? "")
            },
            .get(
                "reset-password", "The page of a link that resets a password", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.resetPassword(token: token ?? "")
            },
        ]
    }
}
