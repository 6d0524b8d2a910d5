import App
import ArgumentParser
import Client
import Foundation
import Identity
import Modules

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "probe")
    func run() async throws {
        @Sendable func rss() -> String { (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("VmRSS") || $0.hasPrefix("VmHWM") }.joined(separator: " ")) ?? "" }
        try await TourStage(databaseURL: nil, port: 0, isVerbose: false).run { app, client in
            _ = try await app.identity.createAdministrator(email: "r@example.org", password: "a-long-and-winding-road")
            let login = try await client.request(.post, "/auth/login", body: .form(["username": "r@example.org", "password": "a-long-and-winding-road"]))
            print("form", login.status)
            let admin = client.signedIn(with: login.json?["access_token"]?.string)
            let me = login.json?["user"]?["id"]?.string ?? ""
            print("adjust", try await admin.post("/v1/payments/subscriptions/\(me)/adjust", ["plan": "enterprise"]).status)
            print("init", try await admin.post("/api/training/init-session", ["sessionId": "s1"]).status)
            func body(_ file: String) -> ClientBody { .multipart(Multipart(.init("metadata", .json(["sessionId": "s1", "fileName": "big.csv", "type": "input"])), .init("file", .file(file), fileName: "big.csv"))) }
            print("rss before", rss())
            for (who, c, file) in [("nobody 50M", client, "/tmp/ghwork/50m"), ("nobody 500M", client, "/tmp/ghwork/500m"), ("enterprise 500M", admin, "/tmp/ghwork/500m"), ("enterprise 3G", admin, "/tmp/ghwork/3g")] {
                let t = ContinuousClock.now
                do { let r = try await c.request(.post, "/api/training/instant-upload", body: body(file)); print(who, r.status, r.text.prefix(300), r[header: "connection"] ?? "-") } catch { print(who, "fault:", error) }
                print(ContinuousClock.now - t, rss())
            }
            do { _ = try await Client(baseURL: "http://127.0.0.1:1").get("/") } catch { print(error) }
            do { let c = Client(baseURL: "http://127.0.0.1:54999", timeout: .milliseconds(700)); defer { Task { await c.shutDown() } }; _ = try await c.get("/x") } catch { print(error) }
        }
    }
}
