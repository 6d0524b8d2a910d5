import AWS
import App
import Base
import Modules
import Synchronization
import TestKit
import Testing

/// Sessions with credentials that AWS accepts: prices, replacements, and what is left behind.
@Suite(.enabled(if: TestAWS.isAvailable, "moto is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct MoveTests {
    @Test(arguments: Engine.available)
    func `credentials are checked when a session begins`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let created = await cloud.sandbox.create(cloud.members(actuate: false))
            #expect(created.status == 201 && created["aws"] == "verified", "\(created)")
            let wrong = await cloud.sandbox.create(
                cloud.members(actuate: false, ["aws_secret_key": .string(SandboxFixture.secret)]))
            #expect(wrong.status == 422 && wrong.code == "aws-credentials-refused", "\(wrong)")
            #expect(wrong["reason"]?.string?.isEmpty == false && wrong["aws_code"]?.string?.isEmpty == false)
            #expect(!wrong.text.contains(SandboxFixture.secret))

            // Where AWS does not answer, the session is created, and decides by the tables.
            try await cloud.account.fail(.closed(action: "GetCallerIdentity", count: 2))
            let away = await cloud.sandbox.create(cloud.members(actuate: false))
            #expect(away.status == 201 && away["aws"] == "unavailable", "\(away)")
            try await cloud.account.fail(.closed(action: "GetCallerIdentity", count: 2))
            #expect(await cloud.sandbox.create(cloud.members()).code == "not-configured")
            #expect(try await cloud.sandbox.count("sandbox_sessions") == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `without actuate a decision changes nothing in AWS`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let session = try await cloud.session(actuate: false)
            let decided = await cloud.sandbox.post("sandbox/sessions/\(session)/evaluate")
            #expect(decided["decision"] == "SWITCH" && decided["source"] == "aws", "\(decided)")
            #expect(decided["action_taken"] == "logged")
            #expect(decided["selected_candidate"]?["availability_zone"] == .string(CloudFixture.cheapestZone))
            #expect(decided["selected_candidate"]?["spot_price"]?.number == 0.0384)
            try await cloud.sandbox.finishJobs()
            #expect(await cloud.sandbox.delete("sandbox/sessions/\(session)").status == 200)
            try await cloud.sandbox.finishJobs()
            for action in ["CreateImage", "StopInstances", "TerminateInstances", "DeregisterImage"] {
                #expect(try await cloud.requests(action) == 0)
            }
            #expect(try await cloud.state(of: cloud.instance) == .running)
        }
    }

    @Test(arguments: Engine.available)
    func `a decision to switch replaces the instance, and the end of the session restores it`(engine: Engine)
        async throws
    {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            let decided = await sandbox.post("sandbox/sessions/\(session)/evaluate")
            #expect(decided["action_taken"] == "started", "\(decided)")
            #expect(await sandbox.post("sandbox/sessions/\(session)/evaluate").code == "move-in-progress")
            try await sandbox.finishJobs()

            let view = await sandbox.get("sandbox/sessions/\(session)")
            let replacement = try #require(view["target_instance_id"]?.string)
            #expect(replacement != cloud.instance && view["original_instance_id"] == .string(cloud.instance))
            #expect(view["target_availability_zone"] == .string(CloudFixture.cheapestZone))
            #expect(try await cloud.state(of: replacement) == .running)
            #expect(try await cloud.state(of: cloud.instance) == .stopped)
            let tagged = try await cloud.tagged(session)
            #expect(tagged.instances.map(\.id) == [replacement] && tagged.images.count == 1)
            #expect(tagged.instances.first?.isSpot == true)
            let actions = await sandbox.get("sandbox/sessions/\(session)/actions").json.array ?? []
            let done = actions.filter { $0["status"] == "SUCCESS" }.compactMap { $0["action_type"]?.string }
            // Under the tests' clock they have one time: their order is not that of the list.
            #expect(Set(done) == ["MONITORING", "AMI_CREATE", "SPOT_LAUNCH", "HEALTH_CHECK", "INSTANCE_STOP"])
            #expect(try await sandbox.lines(session, "SUCCESS").contains { $0.contains(replacement) })

            // On spot from here on: 0.085 less 0.0384 an hour.
            let before = await sandbox.get("sandbox/sessions/\(session)/savings")["cumulative_savings_micros"]?.integer
            sandbox.app.clock.advance(by: .minutes(3))
            let after = await sandbox.get("sandbox/sessions/\(session)/savings")["cumulative_savings_micros"]?.integer
            #expect(try #require(after) - #require(before) == 2_330)

            #expect(await sandbox.delete("sandbox/sessions/\(session)").status == 200)
            try await sandbox.finishJobs()
            #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up"] == "done")
            try await expectRestored(cloud, session)
        }
    }

    /// The sessions have one AWS account, and may have different organisations.
    @Test(arguments: Engine.available)
    func `one instance is replaced by one session`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (first, sandbox) = (try await cloud.session(), cloud.sandbox)
            let second = try await sandbox.session(cloud.members())
            var other = try await SandboxFixture(sandbox.app, sandbox.app.register())
            other.aws = cloud.account
            let third = try await other.session(cloud.members())
            try await sandbox.database.write { transaction in
                try transaction.execute("UPDATE lab_instances SET pipeline_mode = 'SINGLE_LINEAR'")
            }
            let sessions = [(sandbox, first), (sandbox, second), (other, third)]
            let taken = await withTaskGroup(of: (Int, String?).self) { tasks in
                for (index, (fixture, session)) in sessions.enumerated() {
                    tasks.addTask {
                        let decided = await fixture.post("sandbox/sessions/\(session)/evaluate")
                        return (index, decided["action_taken"]?.string)
                    }
                }
                return await tasks.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
            }
            #expect(taken.values.sorted() == ["started", "unavailable", "unavailable"])
            try await sandbox.finishJobs()
            // The instance of the fixture is one of the two.
            #expect(try await cloud.requests("RunInstances") == 2)

            // The others may replace it when the clean-up has started it again.
            let winner = try #require(taken.first { $0.value == "started" }?.key)
            let (owner, started) = sessions[winner]
            let (next, waiting) = sessions[(winner + 1) % sessions.count]
            let refused = await next.post("sandbox/sessions/\(waiting)/evaluate")
            #expect(refused["action_taken"] == "unavailable", "\(refused)")
            #expect(await owner.delete("sandbox/sessions/\(started)").status == 200)
            try await sandbox.finishJobs()
            #expect(try await cloud.state(of: cloud.instance) == .running)
            let allowed = await next.post("sandbox/sessions/\(waiting)/evaluate")
            #expect(allowed["action_taken"] == "started", "\(allowed)")
        }
    }

    @Test(arguments: Engine.available)
    func `an instance of another type or in another zone is not decided about`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let sandbox = cloud.sandbox
            let differing: [[String: JSONValue]] = [
                ["instance_type": "c5.xlarge"], ["availability_zone": .string(CloudFixture.cheapestZone)],
            ]
            for changes in differing {
                let session = try await sandbox.session(cloud.members(changes))
                let refused = await sandbox.post("sandbox/sessions/\(session)/evaluate")
                #expect(refused.status == 422 && refused.code == "instance-mismatch", "\(refused)")
                #expect(refused["detail"]?.string?.contains("c5.large") == true)
                // The refusal holds the session no longer.
                #expect(await sandbox.post("sandbox/sessions/\(session)/evaluate").code == "instance-mismatch")
            }
            try await sandbox.finishJobs()
            #expect(try await sandbox.count("sandbox_moves") == 0)
            #expect(try await sandbox.count("sandbox_savings") == 0)
            #expect(try await cloud.requests("CreateImage") == 0)
            #expect(try await cloud.state(of: cloud.instance) == .running)
        }
    }

    @Test(arguments: Engine.available)
    func `an instance that its owner has stopped stays so`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            // It is stopped while it is being replaced: the move ends, and does not start it.
            #expect(
                await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
            _ = try await cloud.ec2.stop([cloud.instance])
            try await sandbox.finishJobs()
            #expect(try await sandbox.count("sandbox_moves WHERE state = 'failed'") == 1)
            #expect(try await cloud.state(of: cloud.instance) == .stopped)

            let decided = await sandbox.post("sandbox/sessions/\(session)/evaluate")
            #expect(decided["decision"] == "SWITCH" && decided["action_taken"] == "unavailable", "\(decided)")
            #expect(try await sandbox.lines(session, "ACTION").contains { $0.contains("is stopped") })
            #expect(await sandbox.delete("sandbox/sessions/\(session)").status == 200)
            try await sandbox.finishJobs()
            #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up"] == "done")
            #expect(try await cloud.state(of: cloud.instance) == .stopped)
            #expect(try await cloud.requests("StartInstances") == 0)
            let tagged = try await cloud.tagged(session)
            #expect(tagged.instances.isEmpty && tagged.images.isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `a replacement stays where the old instance does not exist any more`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            #expect(
                await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
            // The replacement runs, and the stop fails for a reason that may pass.
            try await cloud.account.fail(
                .error(503, "RequestLimitExceeded", "Request limit exceeded.", action: "StopInstances", count: 5))
            try await sandbox.app.runJobs()
            #expect(try await sandbox.count("sandbox_moves WHERE state = 'stop'") == 1)
            _ = try await cloud.ec2.terminate([cloud.instance])
            #expect(await sandbox.delete("sandbox/sessions/\(session)").status == 200)
            for _ in 0..<2 { try await sandbox.finishJobs() }
            #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up"] == "done")
            let tagged = try await cloud.tagged(session)
            #expect(tagged.instances.map(\.state) == [.running] && tagged.images.isEmpty)

            // It is named wherever the end of the session is reported.
            let replacement = try #require(tagged.instances.first?.id)
            let report = try #require(await sandbox.get("sandbox/sessions/\(session)")["clean_up_report"]?.string)
            #expect(report.contains(replacement) && report.contains("\(cloud.instance) was terminated"))
            #expect(try await sandbox.lines(session, "ACTION").contains(report))
            #expect(try await sandbox.count("sandbox_resources WHERE kind = 'instance' AND state = 'made'") == 1)
            #expect(try await sandbox.count("sandbox_resources WHERE kind = 'image' AND state = 'removed'") == 1)
            let actions = await sandbox.get("sandbox/sessions/\(session)/actions").json.array ?? []
            let details = actions.compactMap { $0["details"]?.string }
            #expect(details.contains { $0.contains("\(cloud.instance) was terminated") })
            #expect(!details.contains { $0.contains("was stopped") || $0.contains("Everything that the session made") })
        }
    }

    @Test(arguments: Engine.available)
    func `a roll-back that gave up is tried again, and nothing further is launched`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            let second = try await sandbox.session(cloud.members())
            // The old instance cannot be stopped, and the replacement not be terminated, twice.
            for (action, count) in [("StopInstances", 1), ("TerminateInstances", 2)] {
                try await cloud.account.fail(
                    .error(
                        403, "UnauthorizedOperation", "You are not authorized to perform this operation.",
                        action: action, count: count))
            }
            #expect(await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
            try await sandbox.finishJobs()
            for _ in 0..<2 {
                #expect(try await sandbox.count("sandbox_moves WHERE state = 'incomplete'") == 1)
                let view = await sandbox.get("sandbox/sessions/\(session)")
                #expect(view["target_instance_id"] == .string(cloud.instance) && view["clean_up"] == "none")
                let report = try #require(view["clean_up_report"]?.string)
                #expect(report.contains("instance i-") && report.contains("ec2:TerminateInstances"))
                #expect(try await sandbox.lines(session, "ERROR").contains { $0.contains(report) })
                #expect(try await cloud.tagged(session).instances.count == 1)

                // The instance is not free for another session either.
                let other = await sandbox.post("sandbox/sessions/\(second)/evaluate")
                #expect(other["action_taken"] == "unavailable", "\(other)")
                let again = await sandbox.post("sandbox/sessions/\(session)/evaluate")
                #expect(again["decision"] == "SWITCH" && again["action_taken"] == "unavailable", "\(again)")
                let lines = try await sandbox.lines(session, "ACTION")
                #expect(lines.contains { $0.contains("was not rolled back completely") })
                try await sandbox.app.runJobs()
            }
            #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up_report"]?.string == nil)
            try await expectRestored(cloud, session)
            #expect(try await sandbox.count("sandbox_moves WHERE state = 'failed'") == 1)
            #expect(try await sandbox.count("sandbox_moves") == 1)
            // The instance of the fixture is one of the two.
            #expect(try await cloud.requests("RunInstances") == 2)
            let allowed = await sandbox.post("sandbox/sessions/\(second)/evaluate")
            #expect(allowed["action_taken"] == "started", "\(allowed)")
        }
    }

    @Test(arguments: Engine.available)
    func `a session that ends while its old instance is being stopped saves nothing further`(engine: Engine)
        async throws
    {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            try await cloud.account.fail(.delayed(1, action: "StopInstances"))
            #expect(await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
            async let jobs: Void = sandbox.finishJobs()
            #expect(try await eventually { try await cloud.requests("StopInstances") == 1 })
            #expect(await sandbox.delete("sandbox/sessions/\(session)").status == 200)
            try await jobs
            #expect(try await sandbox.count("sandbox_moves WHERE state = 'done'") == 1)
            #expect(try await sandbox.count("sandbox_savings WHERE ended_at IS NULL") == 0)
        }
    }

    /// The transaction that ends a step fails once for every step, after AWS has done it, and a response of AWS is
    /// lost: the next worker goes on without making anything twice.
    @Test(arguments: Engine.available, ["CreateImage", "RunInstances", "StopInstances"])
    func `a worker that is stopped at any step makes nothing twice`(engine: Engine, lost: String) async throws {
        let stops = Stops()
        try await withCloudSandbox(engine, databaseWrapper: stops.wrap) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            #expect(
                await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
            try await cloud.account.fail(.lost(action: lost))
            for _ in 0..<3 { try await sandbox.finishJobs() }
            #expect(stops.states == ["launch", "health", "stop", "done"])
            let view = await sandbox.get("sandbox/sessions/\(session)")
            #expect(view["target_availability_zone"] == .string(CloudFixture.cheapestZone), "\(view)")
            #expect(try await sandbox.count("sandbox_moves WHERE state = 'done'") == 1)
            #expect(try await sandbox.count("sandbox_resources WHERE state = 'made'") == 2)
            let tagged = try await cloud.tagged(session)
            #expect(tagged.instances.count == 1 && tagged.images.count == 1)
            #expect(try await cloud.state(of: cloud.instance) == .stopped)
            let actions = await sandbox.get("sandbox/sessions/\(session)/actions").json.array ?? []
            #expect(actions.filter { $0["status"] == "SUCCESS" }.count == 5)
        }
    }

    @Test(arguments: Engine.available)
    func `a launch without capacity rolls the move back`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            try await cloud.account.fail(
                .error(400, "InsufficientInstanceCapacity", "There is no capacity.", action: "RunInstances", count: 9))
            #expect(
                await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
            try await sandbox.finishJobs()
            let view = await sandbox.get("sandbox/sessions/\(session)")
            #expect(view["target_instance_id"] == .string(cloud.instance) && view["is_active"] == true)
            try await expectRestored(cloud, session)
            let actions = await sandbox.get("sandbox/sessions/\(session)/actions").json.array ?? []
            #expect(actions.contains { $0["action_type"] == "SPOT_LAUNCH" && $0["status"] == "FAILED" })
            #expect(actions.contains { $0["action_type"] == "ROLL_BACK" && $0["status"] == "SUCCESS" })
            #expect(try await sandbox.lines(session, "ERROR").contains { $0.contains("no capacity") })
            #expect(try await sandbox.count("sandbox_resources WHERE state <> 'removed'") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a session that ends in the middle of a move leaves nothing`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            #expect(
                await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
            // The image exists, and the launch fails for a reason that may pass.
            try await cloud.account.fail(
                .error(503, "RequestLimitExceeded", "Request limit exceeded.", action: "RunInstances", count: 5))
            try await sandbox.app.runJobs()
            let made = try await cloud.tagged(session)
            #expect(made.images.count == 1 && made.instances.isEmpty)
            #expect(await sandbox.delete("sandbox/sessions/\(session)").status == 200)
            for _ in 0..<2 { try await sandbox.finishJobs() }
            #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up"] == "done")
            try await expectRestored(cloud, session)
        }
    }

    @Test(arguments: Engine.available)
    func `what cannot be removed is reported in the session and in the log`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (session, image) = try await endedSession(cloud, refusing: "TerminateInstances", times: 50)
            var sandbox = cloud.sandbox
            // Every attempt is refused, until there are no more of them.
            for _ in 0..<25 {
                sandbox.app.clock.advance(by: .minutes(31))
                try await sandbox.app.runJobs()
            }
            sandbox.token = try await sandbox.signIn()
            let view = await sandbox.get("sandbox/sessions/\(session)")
            #expect(view["clean_up"] == "incomplete", "\(view)")
            let report = try #require(view["clean_up_report"]?.string)
            #expect(report.contains("instance i-") && report.contains("ec2:TerminateInstances"))
            #expect(!report.contains(image))
            #expect(try await sandbox.lines(session, "ERROR").contains(report))
            #expect(try await cloud.requests("TerminateInstances") == 20)
            #expect(try await sandbox.count("sandbox_sessions WHERE aws_keys IS NOT NULL") == 0)
        }
    }

    /// The permission is given after two attempts.
    @Test(arguments: Engine.available, ["TerminateInstances", "StartInstances"])
    func `an action that is refused keeps nothing else, and is tried again`(engine: Engine, action: String) async throws
    {
        try await withCloudSandbox(engine) { cloud in
            let (session, _) = try await endedSession(cloud, refusing: action, times: 2)
            var sandbox = cloud.sandbox
            let tagged = try await cloud.tagged(session)
            #expect(tagged.images.isEmpty && tagged.instances.count == 1)
            // One of the two instances runs at any time.
            let isRestarted = action == "TerminateInstances"
            #expect(try await cloud.state(of: cloud.instance) == (isRestarted ? .running : .stopped))
            #expect(tagged.instances.first?.state == .running)
            #expect(try await sandbox.count("sandbox_sessions WHERE aws_keys IS NOT NULL") == 1)
            #expect(try await sandbox.count("sandbox_resources WHERE kind = 'image' AND state = 'removed'") == 1)
            for _ in 0..<2 {
                sandbox.app.clock.advance(by: .minutes(31))
                try await sandbox.app.runJobs()
            }
            sandbox.token = try await sandbox.signIn()
            #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up"] == "done")
            #expect(try await sandbox.count("sandbox_resources WHERE state <> 'removed'") == 0)
            var restored = cloud
            restored.sandbox = sandbox
            try await expectRestored(restored, session)
        }
    }

    /// A session whose instance was replaced, after the first attempt to clean up.
    /// - Returns: the session, and the image of its move.
    private func endedSession(_ cloud: CloudFixture, refusing action: String, times: Int) async throws
        -> (session: String, image: String)
    {
        let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
        #expect(await sandbox.post("sandbox/sessions/\(session)/evaluate")["action_taken"] == "started")
        try await sandbox.finishJobs()
        let image = try #require(try await cloud.tagged(session).images.first?.id)
        try await cloud.account.fail(
            .error(
                403, "UnauthorizedOperation", "You are not authorized to perform this operation.", action: action,
                count: times))
        #expect(await sandbox.delete("sandbox/sessions/\(session)").status == 200)
        try await sandbox.app.runJobs()
        #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up"] == "pending")
        return (session, image)
    }

    @Test(arguments: Engine.available)
    func `orphans are found by their tag`(engine: Engine) async throws {
        try await withCloudSandbox(engine) { cloud in
            let (session, sandbox) = (try await cloud.session(), cloud.sandbox)
            let topic = try #require(await sandbox.get("sandbox/sessions/\(session)")["log_topic"]?.string)
            let tag = EC2Tag("gatehouse:session", String(topic.dropFirst("sandbox.".count)))
            _ = try await cloud.ec2.launch(
                EC2LaunchRequest(
                    imageID: TestAWSAccount.publicImage, instanceType: "c5.large", availabilityZone: "us-east-1a",
                    clientToken: "orphan-\(tag.value)", tags: [tag]))
            #expect(try await cloud.tagged(session).instances.count == 1)
            #expect(await sandbox.delete("sandbox/sessions/\(session)").status == 200)
            try await sandbox.finishJobs()
            #expect(await sandbox.get("sandbox/sessions/\(session)")["clean_up"] == "done")
            try await expectRestored(cloud, session)
        }
    }

    /// The original instance runs, and nothing else of the session exists.
    private func expectRestored(_ cloud: CloudFixture, _ session: String) async throws {
        #expect(try await cloud.state(of: cloud.instance) == .running)
        let tagged = try await cloud.tagged(session)
        #expect(tagged.instances.isEmpty && tagged.images.isEmpty)
    }
}

/// Fails the first transaction that brings a move to a state.
private final class Stops: Sendable {
    private let seen = Mutex<Set<String>>([])

    struct Stopped: Error {}

    var states: Set<String> { seen.withLock { $0 } }

    var wrap: @Sendable (any Database) -> any Database {
        { base in
            InterceptedDatabase(
                base,
                beforeCommits: { transaction in
                    let state = try transaction.first("SELECT state FROM sandbox_moves") { try $0["state"] as String }
                    guard let state, state != "image", self.seen.withLock({ $0.insert(state).inserted }) else { return }
                    throw Stopped()
                })
        }
    }
}
