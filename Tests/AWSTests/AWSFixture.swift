import AWS
import Base
import Outbound
import TestKit
import Testing

/// A client, and an account of its own on the test server. The waits of the client take no time.
struct AWSFixture: Sendable {
    static let region = AWSRegion("us-east-1")!

    let account: TestAWSAccount
    let client: AWSClient
    let clock: TestClock
    let pauses: Pauses

    /// With the credentials of the user that may call every action.
    var ec2: EC2 { client.ec2(in: Self.region, with: account.full) }

    /// - Parameter change: of the client's settings.
    static func with(
        change: (inout AWSClient.Settings) throws -> Void = { _ in }, _ body: (AWSFixture) async throws -> Void
    ) async throws {
        let account = try await TestAWS.account()
        let outbound = OutboundClient()
        let clock = TestClock()
        let pauses = Pauses()
        var settings = AWSClient.Settings(endpoint: try AWSEndpoint(url: account.url))
        try change(&settings)
        let client = AWSClient(
            settings: settings,
            outbound: outbound,
            runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes),
            pause: { pauses.add($0) })
        try await attempt {
            try await account.setClock(to: clock.now)
            try await account.setClock(to: clock.now, for: account.temporary)
            try await body(AWSFixture(account: account, client: client, clock: clock, pauses: pauses))
        } finally: {
            await outbound.shutDown()
        }
    }

    /// An instance of the test.
    func launch(_ token: String = "source", tags: [EC2Tag] = []) async throws -> EC2Instance {
        try await ec2.launch(
            EC2LaunchRequest(
                imageID: TestAWSAccount.publicImage, instanceType: "c5.large", availabilityZone: "us-east-1a",
                clientToken: "\(account.full.accessKeyID)-\(token)", tags: tags))
    }

    /// The numbers of requests by action.
    func actions() async throws -> [String: Int] {
        try await account.requests().reduce(into: [:]) { $0[$1["Action"] ?? "", default: 0] += 1 }
    }
}

/// The error of an action; nil where there is none, or another one.
func awsError<Result>(_ body: () async throws -> Result) async -> AWSError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? AWSError
    }
}
