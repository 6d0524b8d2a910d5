package import Base

/// A virtual machine.
package struct EC2Instance: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        case pending
        case running
        case shuttingDown = "shutting-down"
        case terminated
        case stopping
        case stopped
        case unknown
    }

    package let id: String
    package let state: State
    package let type: String
    package let availabilityZone: String
    package let imageID: String
    /// `x86_64` or `arm64`.
    package let architecture: String?
    package let isSpot: Bool
    package let spotRequestID: String?
    package let subnetID: String?
    package let keyName: String?
    package let securityGroupIDs: [String]
    package let launchTime: Instant?
    /// Why it was stopped or terminated, such as `Server.SpotInstanceTermination`.
    package let stateReasonCode: String?
    package let clientToken: String?
    package let publicAddress: String?
    package let privateAddress: String?
    package let tags: [EC2Tag]

    init?(_ element: ResponseElement) {
        guard let id = element.string("instanceId"), let type = element.string("instanceType"),
            let imageID = element.string("imageId"), let state = Self.state(element["instanceState"]),
            let zone = element["placement"]?.string("availabilityZone")
        else { return nil }
        self.id = id
        self.state = state
        self.type = type
        availabilityZone = zone
        self.imageID = imageID
        architecture = element.string("architecture")
        isSpot = element.string("instanceLifecycle") == "spot"
        spotRequestID = element.string("spotInstanceRequestId")
        subnetID = element.string("subnetId")
        keyName = element.string("keyName")
        securityGroupIDs = element.items("groupSet").compactMap { $0.string("groupId") }
        launchTime = element.string("launchTime").flatMap { Instant($0) }
        stateReasonCode = element["stateReason"]?.string("code")
        clientToken = element.string("clientToken")
        publicAddress = element.string("ipAddress")
        privateAddress = element.string("privateIpAddress")
        tags = EC2Tag.all(of: element)
    }

    /// - Returns: nil for a missing element; ``State/unknown`` for a state that is not documented.
    static func state(_ element: ResponseElement?) -> State? {
        element?.string("name").map { State(rawValue: $0) ?? .unknown }
    }
}

/// The status checks of an instance.
package struct EC2InstanceStatus: Sendable, Hashable {
    package let id: String
    package let state: EC2Instance.State
    /// `ok`, `impaired`, `initializing`, `insufficient-data` or `not-applicable`: the check of the instance itself.
    package let instanceCheck: String
    /// The check of the host.
    package let systemCheck: String
    /// Codes of scheduled events that are not completed, such as `instance-retirement`.
    package let events: [String]

    /// Whether it runs and both checks pass.
    package var isHealthy: Bool { state == .running && instanceCheck == "ok" && systemCheck == "ok" }

    init?(_ element: ResponseElement) {
        guard let id = element.string("instanceId"), let state = EC2Instance.state(element["instanceState"]) else {
            return nil
        }
        self.id = id
        self.state = state
        instanceCheck = element["instanceStatus"]?.string("status") ?? "insufficient-data"
        systemCheck = element["systemStatus"]?.string("status") ?? "insufficient-data"
        events = element.items("eventsSet").compactMap { event in
            // AWS marks completed and cancelled events in the description alone.
            let description = event.string("description") ?? ""
            let isOver = description.hasPrefix("[Completed]") || description.hasPrefix("[Canceled]")
            return isOver ? nil : event.string("code")
        }
    }
}

/// What an action did to the state of an instance.
package struct EC2StateChange: Sendable, Hashable {
    package let id: String
    package let previous: EC2Instance.State
    package let current: EC2Instance.State

    init?(_ element: ResponseElement) {
        guard let id = element.string("instanceId"), let previous = EC2Instance.state(element["previousState"]),
            let current = EC2Instance.state(element["currentState"])
        else { return nil }
        self.id = id
        self.previous = previous
        self.current = current
    }
}
