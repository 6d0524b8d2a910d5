import App
import Client
import Modules

/// The walk through the house, from the front door to a model and out again. It reads as it happens.
struct Tour: Sendable {
    let guide: Guide
    /// Somebody without an account.
    let outside: Client
    /// The server, for the one thing that is done on its own machine: making the first administrator.
    let app: App
    let examples: Examples
    let picture: String
    /// png or svg.
    let pictureFormat: String

    func walk() async throws {
        guide.chapter("At the door")
        try await guide.step(.get, "/health", by: outside, expect: .ok(["status": "ok"]), "the server answers")
        let analyst = try await register("analyst@example.org", as: "Analyst")
        try await seeProfile(analyst)
        try await beTurnedAway(analyst)
        try await subscribeToFree(analyst)

        guide.chapter("Real data: the hourly temperatures of Seattle and San Francisco in 2010")
        let session = TrainingSessionName()
        try await openSession(session, analyst)
        try await uploadFiles(session, analyst)
        try await saveSettings(session, analyst)

        guide.chapter("Datasets: 6 hours of both cities and the time of day, then 6 hours of Seattle")
        try await generateDatasets(session, analyst)
        try await beRefusedTraining(session, analyst)

        guide.chapter("Models: the analyst moves to Pro")
        try await moveToPro(analyst)
        let line = try await train("LIN", ["MODE": "LIN"], session, analyst)
        let network = try await trainWatched(
            "Dense", ["MODE": "Dense", "LAY": 2, "N": 64, "EP": 30, "ACTF": "ReLU", "seed": 7], session, analyst)
        try compare([line, network])
        try await savePicture([line, network], session, analyst)

        guide.chapter("Limits: a newcomer stays on Free")
        try await exhaustProcessing()

        guide.chapter("What was used, and goodbye")
        try await seeUsage(analyst)
        try await logOut(analyst)
    }
}

/// Somebody with an account, and the client that speaks for them.
struct Customer: Sendable {
    let id: String
    let client: Client
}

/// The id that a client makes up for a session, in the way that its clients do.
struct TrainingSessionName: Sendable {
    let id =
        "session_\(Runtime.system.now().microseconds / 1_000)_" + String(UInt32.random(in: .min ... .max), radix: 36)
}
