/// A region of AWS. Only known ones exist, because its name becomes part of host names.
package struct AWSRegion: Sendable, Hashable, CustomStringConvertible {
    package let name: String
    package var description: String { name }

    /// - Returns: nil for a name that is not in ``all``.
    package init?(_ name: String) {
        guard Self.all.contains(name) else { return nil }
        self.name = name
    }

    /// The domain of its services: China's regions have another one.
    var domain: String { name.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com" }

    /// The regions of the public partitions: https://docs.aws.amazon.com/general/latest/gr/ec2-service.html.
    package static let all: Set<String> = [
        "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
        "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
        "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1",
        "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2",
        "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1",
        "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
    ]
}
