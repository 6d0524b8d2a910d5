import HTTPTypes
import Modules

/// The result of a step of a sign-in: authentication, or the request of a second factor.
enum SignInStep<Done: Sendable>: Sendable {
    /// - Parameter newDevice: the token that the browser is to store; nil where it has one.
    case done(Done, newDevice: DeviceToken?)
    case secondFactorAsked(SecondFactorAsked)

    func map<Other: Sendable>(_ change: (Done) -> Other) -> SignInStep<Other> {
        switch self {
        case .done(let done, let device): .done(change(done), newDevice: device)
        case .secondFactorAsked(let asked): .secondFactorAsked(asked)
        }
    }
}

extension SignInStep: ResponseConvertible where Done: ResponseConvertible {
    static var documented: [DocumentedResponse] {
        (Done.documented + SecondFactorAsked.documented).map { response in
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
        case .secondFactorAsked(let asked): response = try asked.response()
        }
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
