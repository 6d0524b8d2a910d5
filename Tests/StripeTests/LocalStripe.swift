import Foundation
import TestKit

/// localstripe, a server of another author that speaks an API of Stripe from 2020, in a process of its own.
final class LocalStripe: Sendable {
    static let isAvailable =
        (try? Python.run([
            "-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('localstripe'))",
        ])) != nil

    let url: String
    /// The process ends when this pipe is closed.
    private let input = Pipe()

    init() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [Python.command, "-c", Self.script]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        guard let line = String(data: output.fileHandleForReading.availableData, encoding: .utf8),
            let port = Int(line.filter(\.isNumber))
        else { throw CocoaError(.executableLoad) }
        url = "http://127.0.0.1:\(port)"
    }

    private static let script = """
        import os, socket, sys, threading
        from aiohttp import web
        from localstripe.server import app

        def end_with_the_pipe():
            sys.stdin.read()
            os._exit(0)

        threading.Thread(target=end_with_the_pipe, daemon=True).start()
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(listening.getsockname()[1], flush=True)
        web.run_app(app, sock=listening, access_log=None, print=None)
        """
}
