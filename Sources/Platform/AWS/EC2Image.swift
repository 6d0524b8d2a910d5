package import Base

/// An image of a machine (AMI), from which instances are launched.
package struct EC2Image: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        case pending
        case available
        case invalid
        case deregistered
        case transient
        case failed
        case error
        case disabled
        case unknown
    }

    package let id: String
    /// Unique among the images of the account in the region.
    package let name: String
    package let state: State
    package let stateReason: String?
    package let architecture: String?
    package let creationTime: Instant?
    /// Of its volumes. They stay when the image is deregistered.
    package let snapshotIDs: [String]
    package let tags: [EC2Tag]

    init?(_ element: ResponseElement) {
        guard let id = element.string("imageId"), let state = element.string("imageState") else { return nil }
        self.id = id
        name = element.string("name") ?? ""
        self.state = State(rawValue: state) ?? .unknown
        stateReason = element["stateReason"]?.string("message")
        architecture = element.string("architecture")
        creationTime = element.string("creationDate").flatMap { Instant($0) }
        snapshotIDs = element.items("blockDeviceMapping").compactMap { $0["ebs"]?.string("snapshotId") }
        tags = EC2Tag.all(of: element)
    }
}
