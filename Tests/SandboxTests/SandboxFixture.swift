import AWS
import App
import Base
import Foundation
import Identity
import Modules
import Outbound
import Realtime
import Sandbox
import TestKit
import Testing

/// A system, a member, and the requests of Sandbox with their access token.
struct SandboxFixture: Sendable {
    let app: TestApp
    let person: TestPerson
    /// The access token of the requests.
    var token: String
    /// Nil where the installation has no AWS.
    var aws: TestAWSAccount?

    init(_ app: TestApp, _ person: TestPerson) {
        self.app = app
        self.person = person
        token = person.token
    }

    var database: any Database { app.app.database }

    func get(_ path: String, token: String? = nil) async -> TestResponse {
        await app.call("GET", "/api/v1/\(path)", token: token ?? self.token)
    }

    func post(_ path: String, _ json: JSONValue? = nil, token: String? = nil) async -> TestResponse {
        await app.call("POST", "/api/v1/\(path)", json: json, token: token ?? self.token)
    }

    func put(_ path: String, token: String? = nil) async -> TestResponse {
        await app.call("PUT", "/api/v1/\(path)", token: token ?? self.token)
    }

    /// A request of a person in the organisation of the fixture.
    func call(_ method: String, _ path: String, _ json: JSONValue? = nil, as person: TestPerson) async -> TestResponse {
        await app.call(
            method, "/api/v1/\(path)", json: json, token: person.token,
            headers: ["X-Organisation": self.person.organisation])
    }

    /// Makes an account a member of the organisation of the fixture, as an accepted invitation does.
    func join(_ member: TestPerson) async throws {
        try await database.write { [organisation = person.organisation] transaction in
            try transaction.execute(
                """
                INSERT INTO memberships (organisation_id, person_id, role, created_at)
                VALUES (\(organisation), \(member.id), 'member', \(transaction.now))
                """
            )
        }
    }

    /// Changes the role of a member of the organisation of the fixture.
    func setRole(_ role: String, of member: TestPerson) async throws {
        try await database.write { [organisation = person.organisation] transaction in
            try transaction.execute(
                """
                UPDATE memberships SET role = \(role)
                WHERE organisation_id = \(organisation) AND person_id = \(member.id)
                """
            )
        }
    }

    func delete(_ path: String) async -> TestResponse {
        await app.call("DELETE", "/api/v1/\(path)", token: self.token)
    }

    /// A body that creates a session; `changes` replace its members.
    static func request(_ changes: [String: JSONValue] = [:]) -> JSONValue {
        let body: [String: JSONValue] = [
            "instance_id": "i-0123456789abcdef0", "instance_type": "c5.large", "availability_zone": "ap-south-1b",
            "aws_access_key": "AKIAIOSFODNN7EXAMPLE", "aws_secret_key": .string(secret),
        ]
        return .object(body.merging(changes) { $1 })
    }

    static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    func create(_ changes: [String: JSONValue] = [:]) async -> TestResponse {
        await post("sandbox/sessions", Self.request(changes))
    }

    /// Creates a session.
    /// - Returns: its id.
    func session(_ changes: [String: JSONValue] = [:]) async throws -> String {
        let response = await create(changes)
        try #require(response.status == 201, "\(response)")
        return try #require(response["session_id"]?.string)
    }

    /// The messages of a session's log, the oldest first.
    func log(_ session: String) async throws -> [JSONValue] {
        let topic = try #require(await get("sandbox/sessions/\(session)")["log_topic"]?.string)
        var messages: [JSONValue] = []
        var after: Int64 = 0
        while true {
            let page = await get("realtime/topics/\(topic)?after=\(after)")
            let found = page["messages"]?.array ?? []
            messages += found.compactMap { $0["data"] }
            guard !found.isEmpty, let next = page["next"]?.integer else { return messages }
            after = next
        }
    }

    /// The texts of the log's lines of a type.
    func lines(_ session: String, _ type: String) async throws -> [String] {
        try await log(session).filter { $0["log_type"]?.string == type }.compactMap { $0["message"]?.string }
    }

    /// Runs the jobs of a move or of a clean-up, which wait for AWS in between.
    func finishJobs() async throws {
        for _ in 0..<12 {
            try await app.runJobs()
            app.clock.advance(by: .seconds(16))
        }
    }

    func count(_ sql: SQL) async throws -> Int64 {
        try await database.read { try $0.count("SELECT COUNT(*) AS count FROM " + sql) }
    }

    func requireInvariants() async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [])
    }
}

func withSandbox(
    _ engine: Engine, change: (inout Configuration) -> Void = { _ in }, _ body: (SandboxFixture) async throws -> Void
) async throws {
    try await withTestApp(engine, change: change) { app in
        let fixture = try await SandboxFixture(app, app.register())
        try await body(fixture)
        try await fixture.requireInvariants()
    }
}

/// A system whose AWS is moto. Its clock is at a time of which there are prices.
func withCloudSandbox(
    _ engine: Engine, databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    _ body: (CloudFixture) async throws -> Void
) async throws {
    let account = try await TestAWS.account()
    let clock = TestClock(try #require(Instant("2021-05-01T12:00:00Z")))
    try await withTestApp(
        engine, clock: clock, databaseWrapper: databaseWrapper, change: { $0.awsEndpointURL = account.url },
        // All pools have the same risk, so that the price decides.
        replace: { $0.riskScorer = .builtin }
    ) { app in
        // The owner may assign models.
        var sandbox = try await SandboxFixture(app, app.administrator())
        sandbox.aws = account
        try await body(try await CloudFixture(sandbox, account))
        try await sandbox.requireInvariants()
    }
}

/// An instance in the most expensive zone of its type, so that the linear pipeline decides to switch.
struct CloudFixture: Sendable {
    /// Its access token can be replaced by a newer one.
    var sandbox: SandboxFixture
    let account: TestAWSAccount
    let ec2: EC2
    let instance: String

    static let zone = "us-east-1f"
    static let cheapestZone = "us-east-1a"

    init(_ sandbox: SandboxFixture, _ account: TestAWSAccount) async throws {
        self.sandbox = sandbox
        self.account = account
        let client = AWSClient(
            settings: AWSClient.Settings(endpoint: try AWSEndpoint(url: account.url)), outbound: OutboundClient(),
            runtime: .system)
        ec2 = client.ec2(in: try #require(AWSRegion("us-east-1")), with: account.full)
        instance = try await ec2.launch(
            EC2LaunchRequest(
                imageID: TestAWSAccount.publicImage, instanceType: "c5.large", availabilityZone: Self.zone,
                clientToken: "source-\(account.full.accessKeyID)", isSpot: false)
        ).id
    }

    /// The members of a request with working credentials.
    func members(actuate: Bool = true, _ changes: [String: JSONValue] = [:]) -> [String: JSONValue] {
        let own: [String: JSONValue] = [
            "instance_id": .string(instance), "availability_zone": .string(Self.zone), "aws_region": "us-east-1",
            "aws_access_key": .string(account.full.accessKeyID),
            "aws_secret_key": .string(account.full.secretAccessKey), "actuate": .bool(actuate),
        ]
        return own.merging(changes) { $1 }
    }

    /// Creates a session whose next evaluation decides to switch.
    func session(actuate: Bool = true) async throws -> String {
        let session = try await sandbox.session(members(actuate: actuate))
        let models = await sandbox.get("lab/models").json.array ?? []
        let beta = try #require(models.first { $0["version"] == "v2.2.0-beta" }?["id"])
        let assigned = await sandbox.post(
            "lab/assign-model", ["instance_id": .string(instance), "model_id": beta])
        try #require(assigned.status == 200, "\(assigned)")
        return session
    }

    /// Everything that carries the tag of a session, and is not removed.
    func tagged(_ session: String) async throws -> (instances: [EC2Instance], images: [EC2Image]) {
        let topic = try #require(await sandbox.get("sandbox/sessions/\(session)")["log_topic"]?.string)
        let key = [EC2Filter.tag("gatehouse:session", String(topic.dropFirst("sandbox.".count)))]
        let instances = try await ec2.instances([], key).filter { $0.state != .terminated }
        return (instances, try await ec2.images([], key))
    }

    func state(of id: String) async throws -> EC2Instance.State? {
        try await ec2.instances([], [EC2Filter("instance-id", id)]).first?.state
    }

    /// How often an action was requested with the session's credentials.
    func requests(_ action: String) async throws -> Int {
        try await account.requests().filter { $0["Action"] == action }.count
    }
}
