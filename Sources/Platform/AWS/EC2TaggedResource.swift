/// A tag, and the object that has it.
package struct EC2TaggedResource: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        case instance
        case image
        case snapshot
        case volume
        case spotInstancesRequest = "spot-instances-request"
        case networkInterface = "network-interface"
        case other
    }

    package let id: String
    package let kind: Kind
    package let tag: EC2Tag

    init?(_ element: ResponseElement) {
        guard let id = element.string("resourceId"), let key = element.string("key") else { return nil }
        self.id = id
        kind = element.string("resourceType").flatMap(Kind.init) ?? .other
        tag = EC2Tag(key, element.string("value") ?? "")
    }
}
