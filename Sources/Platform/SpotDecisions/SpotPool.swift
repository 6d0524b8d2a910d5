/// The spot capacity of one instance type in one availability zone. A pool has a price of its own.
package struct SpotPool: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Such as `c5.large`.
    package let instanceType: String
    /// Such as `ap-south-1a`.
    package let availabilityZone: String

    package init(_ instanceType: String, _ availabilityZone: String) {
        self.instanceType = instanceType
        self.availabilityZone = availabilityZone
    }

    /// `c5.large@ap-south-1a`: the key of a pool in the results of a risk model.
    package var description: String { "\(instanceType)@\(availabilityZone)" }

    /// The part of the type before the point, such as `c5`.
    package var family: Substring { instanceType.prefix { $0 != "." } }

    /// The region of the zone, such as `ap-south-1`: its name without the letters at the end.
    package var region: Substring {
        availabilityZone.dropLast(availabilityZone.reversed().prefix(while: \.isLetter).count)
    }

    package static func < (left: SpotPool, right: SpotPool) -> Bool {
        (left.instanceType, left.availabilityZone) < (right.instanceType, right.availabilityZone)
    }
}
