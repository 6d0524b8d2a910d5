import App
import Foundation
import HTTPTypes
import Modules

/// The system of the processes of the proof of workflows: a shared database, a plan on trial with credits for each
/// workflow, and requests to this machine.
struct WorkflowServer {
    let app: App

    /// Of the plan: steps that run at once.
    static let agents = 8
    /// Of jobs: those of a killed process run again soon.
    private static let lease = Duration.seconds(2)

    /// - Parameters:
    ///   - folder: of the plans, the secrets and the files of all processes.
    ///   - database: the value of `DATABASE_URL`.
    init(
        folder: String, database: String,
        databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 }
    ) async throws {
        var configuration = Configuration()
        configuration.dataFolder = folder
        configuration.databaseURL = database
        configuration.plansFile = Self.plans(in: folder)
        configuration.accessTokenLifetime = .days(1)
        configuration.bcryptRounds = 4
        configuration.limitsRates = false
        configuration.outboundPrivateNetworks = ["127.0.0.1"]
        configuration.poolSize = 12
        configuration.poolOverflow = 0
        configuration.poolTimeout = .seconds(60)
        configuration.logLevel = .critical
        configuration.jobLease = Self.lease
        app = try await buildApp(configuration, in: AppDependencies(databaseWrapper: databaseWrapper))
    }

    /// Runs jobs, as a server does, while `body` runs.
    func runningJobs(_ body: () async throws -> Void) async throws {
        let runner = Task { [app] in try await app.runner.run() }
        try await attempt {
            try await body()
        } finally: {
            runner.cancel()
            _ = await runner.result
        }
    }

    /// Writes the plans, which all processes read.
    /// - Parameter credits: of the trial, and units of the month.
    static func writePlans(credits: Int, in folder: String) throws {
        try """
        meters: { workflows: Workflow }
        plans:
          - id: proof
            name: Proof
            start: trial
            trial: { days: 30, credits: \(credits) }
            limits: { workflows: \(credits) }
            concurrency: { agents: \(agents) }
            file_mb: 1
            storage_mb: 1
        """.write(toFile: plans(in: folder), atomically: true, encoding: .utf8)
    }

    private static func plans(in folder: String) -> String { "\(folder)/plans.yaml" }

    /// Registers an account with a verified address, and starts its trial.
    /// - Returns: its access token.
    func registerOwner() async throws -> String {
        let path = "/v1/auth/register"
        let account = try await app.post(
            path, ["email": .string(Accounts.email(0)), "password": .string(Accounts.password)])
        guard let token = account["access_token"]?.string else { throw UnexpectedStatus(path: path, status: 201) }
        try await app.database.write { try $0.execute("UPDATE people SET email_verified_at = \($0.now)") }
        _ = try await app.post("/v1/payments/start-trial", token: token, expecting: .created)
        return token
    }

    /// Submits an intent.
    /// - Parameter key: the same for every try of a submission.
    /// - Returns: the id of its workflow.
    func submit(_ intent: JSONValue, key: String, token: String) async throws -> String {
        let path = "/v1/intents"
        let accepted = try await app.post(
            path, intent, token: token, headers: [.idempotencyKey: key], expecting: .accepted)
        guard let id = accepted["workflow_id"]?.string else { throw UnexpectedStatus(path: path, status: 202) }
        return id
    }

    /// The workflows that are to be planned, and the steps that run or can run: with none, every workflow has ended or
    /// waits for a person.
    func countActive() async throws -> Int64 {
        try await app.database.read {
            try $0.count(
                """
                SELECT (SELECT COUNT(*) FROM workflows WHERE state = 'pending')
                    + (SELECT COUNT(*) FROM workflow_steps JOIN workflows ON workflows.id = workflow_steps.workflow_id
                        WHERE workflow_steps.state = 'running'
                            OR (workflow_steps.state = 'ready' AND workflows.state = 'running')) AS count
                """)
        }
    }
}
