package import Base

/// A request for a spot instance, with what AWS says about it.
package struct SpotRequest: Sendable, Hashable {
    package let id: String
    /// `open`, `active`, `closed`, `cancelled`, `failed` or `disabled`.
    package let state: String
    /// Such as `fulfilled`, `marked-for-termination` or `instance-terminated-no-capacity`:
    /// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html.
    package let statusCode: String
    package let statusTime: Instant?
    package let instanceID: String?
    package let tags: [EC2Tag]

    /// Whether AWS has announced the end of the instance, two minutes before it.
    package var isMarkedForTermination: Bool { statusCode == "marked-for-termination" }

    init?(_ element: ResponseElement) {
        guard let id = element.string("spotInstanceRequestId"), let state = element.string("state") else { return nil }
        self.id = id
        self.state = state
        statusCode = element["status"]?.string("code") ?? ""
        statusTime = element["status"]?.string("updateTime").flatMap { Instant($0) }
        instanceID = element.string("instanceId")
        tags = EC2Tag.all(of: element)
    }
}

extension EC2 {
    /// Spot requests of the account, such as those of one instance: `EC2Filter("instance-id", id)`.
    package func spotRequests(_ filters: [EC2Filter]) async throws(AWSError) -> [SpotRequest] {
        var request = Self.request("DescribeSpotInstanceRequests")
        request.set(filters)
        return try await pages(request, "spotInstanceRequestSet").items.compactMap { SpotRequest($0) }
    }
}
