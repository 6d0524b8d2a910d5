/// One instance to be launched.
package struct EC2LaunchRequest: Sendable, Hashable {
    package var imageID: String
    package var instanceType: String
    package var availabilityZone: String
    /// Repetitions with the same token return the instance of the first one; up to 64 ASCII characters.
    package var clientToken: String
    package var isSpot: Bool
    /// US dollars an hour, such as `0.05`; nil for the on-demand price.
    package var maxPrice: String?
    /// It decides on the zone where it is given; nil for the default subnet of ``availabilityZone``.
    package var subnetID: String?
    package var keyName: String?
    package var securityGroupIDs: [String]
    /// Of the instance, of its volumes and, for spot, of its request.
    package var tags: [EC2Tag]

    package init(
        imageID: String,
        instanceType: String,
        availabilityZone: String,
        clientToken: String,
        isSpot: Bool = true,
        maxPrice: String? = nil,
        subnetID: String? = nil,
        keyName: String? = nil,
        securityGroupIDs: [String] = [],
        tags: [EC2Tag] = []
    ) {
        self.imageID = imageID
        self.instanceType = instanceType
        self.availabilityZone = availabilityZone
        self.clientToken = clientToken
        self.isSpot = isSpot
        self.maxPrice = maxPrice
        self.subnetID = subnetID
        self.keyName = keyName
        self.securityGroupIDs = securityGroupIDs
        self.tags = tags
    }
}
