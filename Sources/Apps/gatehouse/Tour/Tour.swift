import App
import Client
import Modules

/// The requests of the tour in their order: from registration to a trained model, and the refusals.
struct Tour: Sendable {
    let runner: TourRunner
    /// Sends requests without a credential.
    let anonymous: Client
    /// Creates the first administrator, which no endpoint does.
    let app: App
    let examples: Examples
    /// The path of the saved plot.
    let picture: String
    /// png or svg.
    let pictureFormat: String

    func run() async throws {
        runner.section("Registration and authentication")
        try await runner.step(.get, "/health", by: anonymous, expect: .ok(["status": "ok"]), "the server responds")
        let analyst = try await register("analyst@example.org", as: "Analyst")
        try await readProfile(analyst)
        try await requestWithoutPermission(analyst)
        try await subscribeToFree(analyst)

        runner.section("Real data: the hourly temperatures of Seattle and San Francisco in 2010")
        let session = TrainingSessionName()
        try await openSession(session, analyst)
        try await uploadFiles(session, analyst)
        try await saveSettings(session, analyst)

        runner.section("Datasets: 6 hours of both cities and the time of day, then 6 hours of Seattle")
        try await generateDatasets(session, analyst)
        try await trainWithoutFeature(session, analyst)

        runner.section("Models: the analyst's plan becomes Pro")
        try await changePlanToPro(analyst)
        let linear = try await train("LIN", ["MODE": "LIN"], session, analyst)
        let dense = try await trainWithConflict(
            "Dense", ["MODE": "Dense", "LAY": 2, "N": 64, "EP": 30, "ACTF": "ReLU", "seed": 7], session, analyst)
        try compare([linear, dense])
        try await savePicture([linear, dense], session, analyst)

        runner.section("Limits: a second account on Free")
        try await exhaustProcessing()

        runner.section("Usage and sign-out")
        try await readUsage(analyst)
        try await signOut(analyst)
    }
}

/// An account, and a client with its access token.
struct TourAccount: Sendable {
    let id: String
    let client: Client
}

/// The id of a training session, in the format that the clients of the training system generate.
struct TrainingSessionName: Sendable {
    let id =
        "session_\(Runtime.system.now().microseconds / 1_000)_" + String(UInt32.random(in: .min ... .max), radix: 36)
}
