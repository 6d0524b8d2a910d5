import AWS
import Base
import TestKit
import Testing

@Suite(.enabled(if: TestAWS.isAvailable, "moto is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct InstanceTests {
    @Test func `a workload moves by an image to a spot instance, and nothing is left behind`() async throws {
        try await AWSFixture.with { aws in
            let tags = [EC2Tag("session", aws.account.full.accessKeyID), EC2Tag("Name", "a & b = é")]
            let source = try await aws.launch()
            let image = try await aws.ec2.createImage(
                of: source.id, name: "image-\(source.id)", description: "of a test", tags: tags)
            let images = try await aws.ec2.images([image])
            #expect(images.map(\.state) == [.available])
            #expect(Set(images[0].tags) == Set(tags))
            #expect(images[0].snapshotIDs.count == 1)

            let launched = try await aws.ec2.launch(
                EC2LaunchRequest(
                    imageID: image, instanceType: "m5.large", availabilityZone: "us-east-1b",
                    clientToken: "\(source.id)-replacement", maxPrice: "0.05",
                    securityGroupIDs: source.securityGroupIDs, tags: tags))
            let replacement = try await aws.ec2.instances([launched.id])[0]
            #expect(replacement.isSpot)
            #expect(replacement.type == "m5.large")
            #expect(replacement.availabilityZone == "us-east-1b")
            #expect(replacement.imageID == image)
            #expect(Set(replacement.tags) == Set(tags))
            #expect(replacement.clientToken == "\(source.id)-replacement")
            #expect(replacement.securityGroupIDs == source.securityGroupIDs)
            let status = try await aws.ec2.instanceStatus([replacement.id])
            #expect(status.map(\.isHealthy) == [true])

            let stopped = try await aws.ec2.stop([source.id])
            #expect(stopped.map(\.previous) == [.running])
            let started = try await aws.ec2.start([source.id])
            #expect(started.map(\.id) == [source.id])

            let made = try await aws.ec2.taggedResources([
                EC2Filter("key", "session"), EC2Filter("value", aws.account.full.accessKeyID),
            ])
            #expect(Set(made.map(\.kind)) == [.instance, .volume, .image, .snapshot])
            #expect(Set(made.filter { $0.kind == .snapshot }.map(\.id)) == Set(images[0].snapshotIDs))
            #expect(Set(made.filter { $0.kind == .instance }.map(\.id)) == [replacement.id])

            _ = try await aws.ec2.terminate([replacement.id, source.id])
            let inUse = await awsError { try await aws.ec2.deleteSnapshot(images[0].snapshotIDs[0]) }
            #expect(inUse?.kind == .wrongState)
            // Each removal is repeated, as by a job that runs twice.
            for isFirst in [true, false] {
                let deregistered = try await aws.ec2.deregisterImage(image)
                let deleted = try await aws.ec2.deleteSnapshot(images[0].snapshotIDs[0])
                #expect(deregistered == isFirst)
                #expect(deleted == isFirst)
                _ = try await aws.ec2.terminate([replacement.id])
            }
            let ended = try await aws.ec2.instances([replacement.id, source.id])
            #expect(ended.map(\.state) == [.terminated, .terminated])
        }
    }

    @Test func `a repeated launch with the same token is the same instance, on demand or spot`() async throws {
        try await AWSFixture.with { aws in
            let first = try await aws.launch("once")
            let second = try await aws.launch("once")
            #expect(first.id == second.id)
            let third = try await aws.launch("twice")
            #expect(third.id != first.id)
            let request = try #require(try await aws.account.requests().first)
            #expect(request["InstanceMarketOptions.SpotOptions.SpotInstanceType"] == "one-time")
            let onDemand = try await aws.ec2.launch(
                EC2LaunchRequest(
                    imageID: TestAWSAccount.publicImage, instanceType: "c5.large", availabilityZone: "us-east-1a",
                    clientToken: "\(first.id)-on-demand", isSpot: false))
            #expect(!onDemand.isSpot)
            #expect(onDemand.tags.isEmpty)
            #expect(try #require(try await aws.account.requests().last)["InstanceMarketOptions.MarketType"] == nil)
        }
    }

    @Test func `tags are set and replaced, and found by their values`() async throws {
        try await AWSFixture.with { aws in
            let instance = try await aws.launch(tags: [EC2Tag("stage", "one")])
            try await aws.ec2.setTags([EC2Tag("stage", "two"), EC2Tag("empty", "")], of: [instance.id])
            let tags = try await aws.ec2.taggedResources([EC2Filter("resource-id", instance.id)])
            #expect(Set(tags.map(\.tag)) == [EC2Tag("stage", "two"), EC2Tag("empty", "")])
            let found = try await aws.ec2.instances(
                [], [.tag("stage", "two"), EC2Filter("instance-state-name", anyOf: ["pending", "running"])])
            #expect(found.map(\.id).contains(instance.id))
        }
    }

    @Test func `unknown ids, types and images have errors of their own`() async throws {
        try await AWSFixture.with { aws in
            let instance = await awsError { try await aws.ec2.instances(["i-0123456789abcdef0"]) }
            #expect(instance?.kind == .notFound)
            #expect(instance?.code == "InvalidInstanceID.NotFound")
            let type = await awsError {
                try await aws.ec2.launch(
                    EC2LaunchRequest(
                        imageID: TestAWSAccount.publicImage, instanceType: "nonsense.large",
                        availabilityZone: "us-east-1a", clientToken: "a"))
            }
            #expect(type?.code?.hasPrefix("InvalidInstanceType") == true)
            let image = await awsError {
                try await aws.ec2.launch(
                    EC2LaunchRequest(
                        imageID: "ami-99999999", instanceType: "c5.large", availabilityZone: "us-east-1a",
                        clientToken: "b"))
            }
            #expect(image?.code == "InvalidAMIID.NotFound")
        }
    }

    @Test func `a spot request says what AWS is about to do with its instance`() async throws {
        try await AWSFixture.with { aws in
            try await aws.account.fail(
                .response(
                    200,
                    """
                    <DescribeSpotInstanceRequestsResponse><spotInstanceRequestSet><item>
                    <spotInstanceRequestId>sir-1</spotInstanceRequestId><state>active</state>
                    <status><code>marked-for-termination</code><updateTime>2026-01-31T11:58:00.000Z</updateTime>
                    <message>Your Spot instance is marked for termination.</message></status>
                    <instanceId>i-1</instanceId><tagSet><item><key>a</key><value>b</value></item></tagSet>
                    </item></spotInstanceRequestSet></DescribeSpotInstanceRequestsResponse>
                    """))
            let requests = try await aws.ec2.spotRequests([EC2Filter("instance-id", "i-1")])
            #expect(requests.map(\.id) == ["sir-1"])
            #expect(requests[0].isMarkedForTermination)
            #expect(requests[0].statusTime == aws.clock.now - .minutes(2))
            #expect(requests[0].instanceID == "i-1")
            #expect(requests[0].tags == [EC2Tag("a", "b")])
            let none = try await aws.ec2.spotRequests([EC2Filter("instance-id", "i-1")])
            #expect(none.isEmpty)
        }
    }
}
