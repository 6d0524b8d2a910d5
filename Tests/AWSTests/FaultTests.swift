import AWS
import Base
import Outbound
import TestKit
import Testing

/// Throttling, failures, lost responses and responses that are none.
@Suite(.enabled(if: TestAWS.isAvailable, "moto is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct FaultTests {
    private func list(_ aws: AWSFixture) async throws {
        _ = try await aws.ec2.instances([], [.tag("none", "")])
    }

    @Test(arguments: [
        TestAWSFault.error(503, "RequestLimitExceeded", "Request limit exceeded.", count: 3),
        .error(400, "Throttling", "Rate exceeded", count: 3), .error(500, "InternalError", count: 3),
        .error(503, "Unavailable", count: 3), .response(502, "<html>Bad Gateway<br></html>", count: 3),
        .response(429, "", count: 3), .closed(count: 3), .lost(count: 3),
    ])
    func `throttled and failed attempts are repeated after growing waits`(_ fault: TestAWSFault) async throws {
        try await AWSFixture.with { aws in
            try await aws.account.fail(fault)
            try await list(aws)
            let actions = try await aws.actions()
            #expect(actions == ["DescribeInstances": 4])
            let bounds: [Duration] = [.milliseconds(200), .milliseconds(400), .milliseconds(800)]
            #expect(aws.pauses.all.count == 3)
            #expect(zip(aws.pauses.all, bounds).allSatisfy { $0 >= .zero && $0 <= $1 })
        }
    }

    @Test(arguments: [
        (TestAWSFault.error(503, "RequestLimitExceeded", count: 9), AWSError.Kind.throttled),
        (.error(500, "InternalError", count: 9), .unavailable), (.closed(count: 9), .unreachable),
        (.response(503, "", count: 9), .unavailable),
    ])
    func `attempts are bounded`(_ fault: TestAWSFault, _ kind: AWSError.Kind) async throws {
        try await AWSFixture.with { aws in
            try await aws.account.fail(fault)
            let error = await awsError { try await list(aws) }
            #expect(error?.kind == kind)
            #expect(error?.action == "ec2:DescribeInstances")
            let actions = try await aws.actions()
            #expect(actions == ["DescribeInstances": 5])
        }
    }

    @Test(arguments: [("7", Duration.seconds(7)), ("100000", .seconds(30))])
    func `the wait is at least the one that the response asks for, within bounds`(_ text: String, _ wait: Duration)
        async throws
    {
        try await AWSFixture.with { aws in
            try await aws.account.fail(.error(503, "RequestLimitExceeded", headers: ["Retry-After": text]))
            try await list(aws)
            #expect(aws.pauses.all == [wait])
        }
    }

    @Test func `a launch whose response is lost is not made twice`() async throws {
        try await AWSFixture.with { aws in
            try await aws.account.fail(.lost(action: "RunInstances", count: 2))
            let tag = EC2Tag("session", "\(aws.account.full.accessKeyID)-lost")
            let instance = try await aws.launch("lost", tags: [tag])
            let instances = try await aws.ec2.instances([], [.tag(tag.key, tag.value)])
            #expect(instances.map(\.id) == [instance.id])
        }
    }

    @Test func `an image whose response is lost is found by its name, and not made twice`() async throws {
        try await AWSFixture.with { aws in
            let source = try await aws.launch()
            try await aws.account.fail(.lost(action: "CreateImage"))
            let name = "image-\(source.id)"
            let image = try await aws.ec2.createImage(of: source.id, name: name, description: "", tags: [])
            let images = try await aws.ec2.images([], [EC2Filter("name", name)])
            #expect(images.map(\.id) == [image])
            let again = try await aws.ec2.createImage(of: source.id, name: name, description: "", tags: [])
            #expect(again == image)
            let actions = try await aws.actions()
            #expect(actions["CreateImage"] == 1)
            #expect(aws.pauses.all.isEmpty)
        }
    }

    @Test func `an image that was not made is made by the next attempt, and attempts are bounded`() async throws {
        try await AWSFixture.with { aws in
            let source = try await aws.launch()
            try await aws.account.fail(.closed(action: "CreateImage", count: 2))
            let name = "image-\(source.id)"
            let image = try await aws.ec2.createImage(of: source.id, name: name, description: "", tags: [])
            #expect(image.hasPrefix("ami-"))
            try await aws.account.fail(.closed(action: "CreateImage", count: 9))
            let error = await awsError {
                try await aws.ec2.createImage(of: source.id, name: "other-\(name)", description: "", tags: [])
            }
            #expect(error?.kind == .unreachable)
            #expect(error?.isUnconfirmed == true)
            let actions = try await aws.actions()
            #expect(actions["CreateImage"] == 3 + 3)
        }
    }

    @Test func `a removal whose response is lost is repeated, and finds nothing any more`() async throws {
        try await AWSFixture.with { aws in
            let source = try await aws.launch()
            let image = try await aws.ec2.createImage(
                of: source.id, name: "image-\(source.id)", description: "", tags: [])
            try await aws.account.fail(.lost(action: "DeregisterImage"))
            let existed = try await aws.ec2.deregisterImage(image)
            #expect(!existed)
        }
    }

    @Test(arguments: [
        TestAWSFault.response(200, ""), .response(200, "<DescribeInstancesResponse><reservationSet>"),
        .response(200, "{}"), .response(200, "<DescribeInstancesResponse/>"), .response(404, "<html></html>"),
        .response(200, "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), .response(200, "<a>", repeated: 40),
        .response(200, "<a>0123456789</a>", repeated: 400_000),
        .response(
            200,
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item/></instancesSet></item>"
                + "</reservationSet></DescribeInstancesResponse>"),
    ])
    func `a response that is none of EC2 is an error that is not repeated`(_ fault: TestAWSFault) async throws {
        try await AWSFixture.with { aws in
            try await aws.account.fail(fault)
            let error = await awsError { try await list(aws) }
            #expect(error?.kind == .unreadable)
            #expect(error?.isUnconfirmed == true)
            #expect(aws.pauses.all.isEmpty)
        }
    }

    @Test func `a server that does not answer ends every attempt in time`() async throws {
        try await AWSFixture.with { settings in
            settings.timeout = .milliseconds(200)
            settings.retries.attemptsMax = 2
        } _: { aws in
            try await aws.account.fail(.silent(count: 2))
            let error = await awsError { try await list(aws) }
            #expect(error?.kind == .unreachable)
            #expect(error?.isUnconfirmed == true)
            #expect(aws.pauses.all.count == 1)
        }
    }

    @Test func `a check of credentials has fewer attempts, and a shorter time`() async throws {
        try await AWSFixture.with { settings in
            settings.checkTimeout = .milliseconds(200)
        } _: { aws in
            try await aws.account.fail(.silent(count: 9))
            let error = await awsError {
                try await aws.client.sts(in: AWSFixture.region, with: aws.account.full).callerIdentity()
            }
            #expect(error?.kind == .unreachable)
            let actions = try await aws.actions()
            #expect(actions == ["GetCallerIdentity": 2])
        }
    }

    @Test func `no server is an error that names the setting`() async throws {
        try await AWSFixture.with { settings in
            settings.endpoint = try AWSEndpoint(url: "http://127.0.0.1:\(try TestRedis.freePort())")
            settings.retries.attemptsMax = 2
        } _: { aws in
            let error = await awsError { try await list(aws) }
            #expect(error?.kind == .unreachable)
            #expect(error?.isUnconfirmed == false)
            #expect(error?.advice.contains("AWS_ENDPOINT_URL") == true)
        }
    }

    @Test(arguments: [
        ("InsufficientInstanceCapacity", 500, AWSError.Kind.noCapacity), ("SpotMaxPriceTooLow", 400, .noCapacity),
        ("MaxSpotInstanceCountExceeded", 400, .limitReached), ("VcpuLimitExceeded", 400, .limitReached),
        ("InvalidParameterValue", 400, .invalid), ("InvalidAMIName.Duplicate", 400, .duplicate),
        ("IncorrectInstanceState", 400, .wrongState), ("SomethingNew", 400, .refused),
        ("OptInRequired", 401, .credentialsRefused),
    ])
    func `errors of EC2 have kinds by what can be done`(_ code: String, _ status: Int, _ kind: AWSError.Kind)
        async throws
    {
        try await AWSFixture.with { aws in
            try await aws.account.fail(.error(status, code, "A sentence of AWS."))
            let error = await awsError { try await aws.ec2.stop(["i-1"]) }
            #expect(error?.kind == kind)
            #expect(error?.code == code)
            #expect(
                error.map { "\($0)" }
                    == "ec2:StopInstances failed (\(code)): A sentence of AWS. [request 0a1b] \(error?.advice ?? "")")
            #expect(aws.pauses.all.isEmpty)
        }
    }
}
