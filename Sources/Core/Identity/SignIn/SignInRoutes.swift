import HTTPTypes
import Modules

extension IdentityModule {
    /// Signing in, in one step or in two.
    var signInRoutes: [Route] {
        let refusals: [Problem.Kind] = [.invalidSecondFactor, .accountSuspended, .accountLocked]
        return [
            .post("auth/login", "Sign in", requires: .public, problems: refusals + [.invalidCredentials]) {
                (request: Credentials, visitor) in
                try await signIns.signIn(request, visitor: visitor)
            },
            .post(
                "auth/signin", "Sign in, with the tokens also as a pair", requires: .public,
                problems: refusals + [.invalidCredentials]
            ) {
                (request: Credentials, visitor) in
                try await signIns.signIn(request, visitor: visitor).map(SignedInWithPair.init)
            },
            .post("auth/mfa/challenge", "Finish signing in with a second factor", requires: .public, problems: refusals)
            {
                (request: SecondFactorAnswer, visitor) in
                try await signIns.signIn(request, visitor: visitor).map(SignedInWithPair.init)
            },
        ]
    }
}

/// JSON, or the OAuth 2.0 password form (RFC 6749, section 4.3.2), whose other fields are accepted and not used.
struct Credentials: FormReadable {
    var email: String?
    var username: String?
    var password: String
    /// What the authenticator shows, or a recovery code; without it an account that has a second factor is asked for it.
    var mfaCode: String?
    /// Accepted from clients that send it: every session lasts as long as it is used.
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
struct SecondFactorAnswer: Payload {
    var mfaToken: String
    var mfaCode: String

    static let rules: [String: Rule] = ["mfa_token": .length(1...1_024), "mfa_code": .length(1...64)]
}

/// What a right password is answered with where there is a second factor.
package struct SecondFactorAsked: Payload {
    var requiresMfa = true
    /// To be sent back with the code. It opens nothing by itself.
    var mfaToken: String
    /// In seconds.
    var expiresIn: Int
}

/// What signing in leads to: its end, or a question.
enum SignInStep<Done: Sendable>: Sendable {
    /// - Parameter newDevice: what the browser shall keep in order to be known again.
    case done(Done, newDevice: DeviceToken?)
    case secondFactorAsked(SecondFactorAsked)

    func map<Other: Sendable>(_ change: (Done) -> Other) -> SignInStep<Other> {
        switch self {
        case .done(let done, let device): .done(change(done), newDevice: device)
        case .secondFactorAsked(let question): .secondFactorAsked(question)
        }
    }
}

extension SignInStep: ResponseConvertible where Done: ResponseConvertible {
    static var documented: [DocumentedResponse] {
        (Done.documented + SecondFactorAsked.documented).map { answer in
            DocumentedResponse(
                answer.status, "Signed in, or asked for a second factor", mediaType: answer.mediaType,
                payload: answer.payload)
        }
    }

    func response() throws(Problem) -> Response {
        var response: Response
        switch self {
        case .done(let done, let device):
            response = try done.response()
            if let device { response.headers.append(HTTPField(name: .setCookie, value: device.cookie)) }
        case .secondFactorAsked(let question): response = try question.response()
        }
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
