import HTTPTypes
import Modules

/// The result of a step of a sign-in: authentication, or the request of a second factor.
enum SignInStep<Done: Sendable>: Sendable {
    /// - Parameter newDevice: the token that the browser is to store; nil where it has one.
    case done(Done, newDevice: DeviceToken?)
    case secondFactorRequired(SecondFactorRequired)

    func map<Other: Sendable>(_ change: (Done) -> Other) -> SignInStep<Other> {
        switch self {
        case .done(let done, let device): .done(change(done), newDevice: device)
        case .secondFactorRequired(let challenge): .secondFactorRequired(challenge)
        }
    }
}

extension SignInStep: ResponseConvertible where Done: ResponseConvertible {
    static var documented: [DocumentedResponse] {
        (Done.documented + SecondFactorRequired.documented).map { response in
            DocumentedResponse(
                response.status, "Signed in, or a second factor is required", mediaType: response.mediaType,
                payload: response.payload)
        }
    }

    func response() throws(Problem) -> Response {
        var response: Response
        switch self {
        case .done(let done, let device):
            response = try done.response()
            if let device { response.headers.append(HTTPField(name: .setCookie, value: device.cookie)) }
        case .secondFactorRequired(let challenge): response = try challenge.response()
        }
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
