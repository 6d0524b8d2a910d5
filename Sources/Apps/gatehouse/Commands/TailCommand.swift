import App
import ArgumentParser
import Client
import Foundation
import Modules

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Follow a topic of a server, one JSON object a line.",
        discussion: """
            The credential is read from GATEHOUSE_TOKEN: an access token, or an API key with the scope realtime.read. \
            After an interruption the command connects again and resumes behind the last message.

            EXAMPLES
              gatehouse tail training.01976f3e-8a51-7cc2-9f57-0d6ae7f3b2aa
              gatehouse tail --after 0 TOPIC | jq 'select(.type == "training_metrics").data.loss'
              gatehouse tail --count 1 --server https://gatehouse.example.com TOPIC
            """
    )

    @Argument(help: "The name of the topic.")
    var topic: String

    @Option(help: ArgumentHelp("Begin behind this message; 0 is before the oldest one.", valueName: "number"))
    var after: Int64?

    @Option(help: ArgumentHelp("End after this many messages.", valueName: "number"))
    var count: Int?

    @Option(help: ArgumentHelp("The URL of the server.", valueName: "url"))
    var server = "http://127.0.0.1:8080"

    /// The pause before the command connects again.
    private static let pause = Duration.seconds(1)

    func validate() throws {
        guard after.map({ $0 >= 0 }) ?? true, count.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--after is 0 or more, --count is 1 or more.")
        }
    }

    func run() async throws {
        guard let token = ProcessInfo.processInfo.environment["GATEHOUSE_TOKEN"], !token.isEmpty else {
            throw Failure("GATEHOUSE_TOKEN is not set: it holds an access token or an API key.")
        }
        let client = Client(baseURL: server).signedIn(with: token)
        try await attempt {
            try await follow(client)
        } finally: {
            await client.shutDown()
        }
    }

    private func follow(_ client: Client) async throws {
        var (last, left) = (after, count ?? .max)
        var hasConnected = false
        while left > 0 {
            do {
                let refusal = try await client.lines(path(after: last), headers: ["Accept": "application/x-ndjson"]) {
                    line in
                    hasConnected = true
                    Terminal.print(line)
                    guard let number = try? JSONValue(parsing: Array(line.utf8))["seq"]?.integer else { return true }
                    (last, left) = (number, left - 1)
                    return left > 0
                }
                if let refusal, refusal.status != 503 { throw Self.failure(refusal) }
            } catch let error as ClientError {
                guard hasConnected else { throw error }
            }
            if left > 0 { try await Task.sleep(for: Self.pause) }
        }
    }

    private func path(after last: Int64?) -> String {
        let name = topic.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", ".", "_"])) ?? topic
        return "/v1/realtime/topics/\(name)" + (last.map { "?after=\($0)" } ?? "")
    }

    private static func failure(_ response: ClientResponse) -> Failure {
        let detail = response.json?["detail"]?.string ?? response.json?["error"]?.string ?? ""
        return Failure("The server answered \(response.status). \(detail)")
    }
}
