import Modules

/// JSON, or the OAuth 2.0 password form (RFC 6749, section 4.3.2), whose other fields are accepted and not used.
struct Credentials: FormReadable {
    var email: String?
    var username: String?
    var password: String
    /// The code of the authenticator, or a recovery code. Without it, an account with a second factor gets an
    /// `mfa_token`.
    var mfaCode: String?
    /// Accepted for clients that send it; every session ends 30 days after its last use.
    var rememberMe: Bool?
    var grantType: String?
    var scope: String?
    var clientId: String?
    var clientSecret: String?

    static let rules: [String: Rule] = [
        "email": .length(1...254), "username": .length(1...254), "password": .length(1...1_024),
        "mfa_code": .length(1...64), "grant_type": .length(0...40),
        "scope": .length(0...400), "client_id": .length(0...200), "client_secret": .length(0...400),
    ]
}

/// The second step of signing in.
struct SecondFactorRequest: Payload {
    var mfaToken: String
    var mfaCode: String

    static let rules: [String: Rule] = ["mfa_token": .length(1...1_024), "mfa_code": .length(1...64)]
}

/// The response to a right password of an account with a second factor.
package struct SecondFactorRequired: Payload {
    var requiresMfa = true
    /// To be sent with the code. It authenticates nothing by itself.
    var mfaToken: String
    /// In seconds.
    var expiresIn: Int
}
