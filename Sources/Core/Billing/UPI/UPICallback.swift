import HTTPTypes
import Modules
import NIOCore
import Secrets

/// A report of the payment service as it was sent: its signature is over these bytes.
struct UPICallback: Requirement {
    struct Message: Sendable {
        let bytes: [UInt8]
        let headers: HTTPFields

        /// The values of all header fields of a name.
        func values(_ name: String) -> [String] { HTTPField.Name(name).map { headers[values: $0] } ?? [] }
    }

    static let bytesMax = 16 << 10

    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.payloadTooLarge, .invalidPayload] }
    var summary: RequirementSummary {
        RequirementSummary(
            .body, "report", schema: .object(Schema.Object(properties: [], isOpen: true)),
            mediaType: "application/json")
    }

    func check(_ request: Request) async throws(Problem) -> Message {
        let body = try await request.body.collect(upTo: Self.bytesMax)
        return Message(bytes: Array(body.readableBytesView), headers: request.headers)
    }
}

/// What a report says besides money.
enum UPIProgress: Sendable { case processing, failed }
