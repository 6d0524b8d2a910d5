package import Base
import HTTPTypes

/// What a caller must bring for a door to open. A gate is data: it documents itself, is checked in a fixed order, and yields proof.
package protocol Requirement<Proof>: Sendable {
    /// Evidence handed to the handler. Only the requirement's own module can make one.
    associatedtype Proof: Sendable
    /// Where in the order of the gate this requirement stands.
    var stage: GateStage { get }
    /// What it refuses with, joined into the route's documented answers.
    var problems: [Problem.Kind] { get }
    /// What `gatehouse routes` and the documents say of it, such as `role:admin` or `quota:processing`.
    var summary: GateSummary { get }
    func check(_ call: Request) async throws(Problem) -> Proof
}

/// The order of the gate: a route that declares its requirements out of this order does not start.
package enum GateStage: Int, Sendable, Comparable {
    case visitor, network, identity, account, rate, entitlement, input

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A requirement in words that both people and the test of every door read.
package struct GateSummary: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case open, member, role
        case organisationRole = "organisation-role"
        case rate, subscription, feature, quota, credits, concurrency
        /// What a caller may bring and need not.
        case right
        case path, query, header, body
    }

    package let kind: Kind
    /// What exactly: the role, the feature, the name of the parameter.
    package let name: String
    /// The schema of a parameter; nil for requirements that read none.
    package let schema: Schema?
    /// Whether a parameter must be there.
    package let isRequired: Bool
    /// The media type of a body that is not JSON.
    package let mediaType: String?
    /// The scope that opens the door to API keys; nil where it is closed to them.
    package let keyScope: String?
    /// How it is met, where there are several ways and this is not the usual one.
    package let mode: String?

    package init(
        _ kind: Kind,
        _ name: String = "",
        schema: Schema? = nil,
        isRequired: Bool = true,
        mediaType: String? = nil,
        keyScope: String? = nil,
        mode: String? = nil
    ) {
        self.kind = kind
        self.name = name
        self.schema = schema
        self.isRequired = isRequired
        self.mediaType = mediaType
        self.keyScope = keyScope
        self.mode = mode
    }
}

/// Who is at a door that anybody may use.
package struct ClientInfo: Sendable {
    package let address: String
    package let requestID: String
    package let userAgent: String?
    /// What a browser shows that was signed in with before.
    package let deviceToken: String?

    package init(address: String, requestID: String, userAgent: String?, deviceToken: String? = nil) {
        self.address = address
        self.requestID = requestID
        self.userAgent = userAgent
        self.deviceToken = deviceToken
    }

    /// The name of the cookie that holds the token of a device.
    package static let deviceCookie = "__Host-gatehouse-device"
}

/// The requirement of a door that is open to anybody, said out loud: a route without requirements does not compile.
package struct PublicEndpoint: Requirement {
    package init() {}

    package var stage: GateStage { .visitor }
    package var problems: [Problem.Kind] { [] }
    package var summary: GateSummary { GateSummary(.open) }

    package func check(_ call: Request) -> ClientInfo {
        ClientInfo(
            address: call.address,
            requestID: call.requestID,
            userAgent: call.headers[.userAgent],
            deviceToken: call.cookie(named: ClientInfo.deviceCookie)
        )
    }
}

extension Requirement where Self == PublicEndpoint {
    package static var `public`: Self { PublicEndpoint() }
}
