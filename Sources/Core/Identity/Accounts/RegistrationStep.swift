import HTTPTypes
import Modules

/// The result of a registration: a session, or a response that tells nothing about the address.
enum RegistrationStep<Done: Payload>: ResponseConvertible {
    case signedIn(Done)
    case accepted(Acknowledgement)

    func map<Other: Payload>(_ change: (Done) -> Other) -> RegistrationStep<Other> {
        switch self {
        case .signedIn(let done): .signedIn(change(done))
        case .accepted(let acknowledgement): .accepted(acknowledgement)
        }
    }

    static var documented: [DocumentedResponse] {
        Created<Done>.documented + [
            DocumentedResponse(
                202, "Accepted, where REGISTRATION_REVEALS is false: an e-mail to the address says what follows",
                mediaType: "application/json", payload: Acknowledgement.self)
        ]
    }

    func response() throws(Problem) -> Response {
        switch self {
        case .signedIn(let done): return try Created(done).response()
        case .accepted(let acknowledgement):
            var response = try acknowledgement.response()
            response.status = .accepted
            return response
        }
    }
}
