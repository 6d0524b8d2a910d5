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
        let ada = try await register("ada@example.org", as: "Ada")
        try await seeProfile(ada)
        try await beTurnedAway(ada)
        try await subscribeToFree(ada)

        guide.chapter("Real data: the hourly temperatures of Seattle and San Francisco in 2010")
        let session = TrainingSessionName()
        try await openSession(session, ada)
        try await uploadFiles(session, ada)
        try await saveSettings(session, ada)

        guide.chapter("Datasets: 6 hours of both cities and the time of day, then 6 hours of Seattle")
        try await generateDatasets(session, ada)
        try await beRefusedTraining(session, ada)

        guide.chapter("Models: Ada moves to Pro")
        try await moveToPro(ada)
        let line = try await train("LIN", ["MODE": "LIN"], session, ada)
        let network = try await trainWatched("Dense", ["MODE": "Dense", "LAY": 2, "N": 64, "EP": 30, "ACTF": "ReLU", "seed": 7], session, ada)
        try compare([line, network])
        try await savePicture([line, network], session, ada)

        guide.chapter("Limits: Bob stays on Free")
        try await exhaustProcessing()

        guide.chapter("What Ada used, and goodbye")
        try await seeUsage(ada)
        try await logOut(ada)
    }
}

/// Somebody with an account, and the client that speaks for them.
struct Customer: Sendable {
    let id: String
    let client: Client
}

/// The id that a client makes up for a session, in the way that its clients do.
struct TrainingSessionName: Sendable {
    let id = "session_\(Runtime.system.now().microseconds / 1_000)_" + String(UInt32.random(in: .min ... .max), radix: 36)
}
