import Modules

/// Either the token of a link, or an address and the code that was mailed to it.
struct EmailVerification: FormReadable {
    var token: String?
    var email: String?
    var otpCode: String?

    static let rules: [String: Rule] = [
        "token": .length(1...400), "email": .length(1...254), "otp_code": .length(1...20),
    ]
}

struct EmailRequest: FormReadable {
    var email: String

    static let rules: [String: Rule] = ["email": .length(1...254)]
}

struct AddressChange: Payload {
    var newEmail: String
    /// The present password.
    var password: String
    /// A code of the authenticator, or a recovery code; required where MFA is enabled.
    var mfaCode: String?

    static let rules: [String: Rule] = [
        "new_email": .length(1...254), "password": .length(1...1_024), "mfa_code": .length(1...64),
    ]
}

struct EmailVerified: Payload {
    var success = true
    /// Whether the address was verified before this request.
    var alreadyVerified: Bool
    var message: String
    var email: String

    init(email: String, alreadyVerified: Bool) {
        self.email = email
        self.alreadyVerified = alreadyVerified
        message = alreadyVerified ? "This address was verified before" : "The address is verified"
    }
}

/// The response of a request whose outcome is not disclosed.
struct Acknowledgement: Payload {
    var success = true
    var message: String
}
