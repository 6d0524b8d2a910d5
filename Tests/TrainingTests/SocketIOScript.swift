import Base
import Foundation
import Modules
import TestKit

/// A client of Socket.IO, python-socketio, that follows a session.
struct SocketIOScript: Sendable {
    static let isInstalled = (try? Python.run(["-c", "import aiohttp, socketio"])) != nil

    enum Scenario: String, Sendable {
        /// Joins a session, starts a run of it, and leaves it after its end.
        case follow
        /// Joins a session that it may not read.
        case trespass
        /// Signs out while it is connected, and connects again.
        case revoke
        /// Tries to connect.
        case connect
    }

    enum Transport: String, Sendable, CaseIterable {
        case polling
        case websocket
        /// Polling first.
        case upgrade
    }

    let port: Int
    let transport: Transport

    /// Runs a scenario until it ends, without a thread of the concurrency pool, which the server needs meanwhile.
    /// - Returns: `transport`, `events` as pairs of a name and data, `errors` of connecting, and the `seconds` from
    ///   signing out to the end of the connection.
    func run(_ scenario: Scenario, token: String? = nil, session: String = "s") async throws -> JSONValue {
        let pool = BlockingPool(name: "python", threads: 1, capacity: 1)
        let arguments = [
            "-c", Self.program, scenario.rawValue, "http://127.0.0.1:\(port)", transport.rawValue, token ?? "", session,
        ]
        return try JSONValue(parsing: Array(try await pool.run { try Python.run(arguments) }))
    }

    private static let program = """
        import asyncio, json, sys, time
        import aiohttp, socketio

        scenario, url, transport, token, session = sys.argv[1:]
        result = {"events": [], "errors": [], "transport": None, "seconds": None}
        model = {
            "model_parameters": {"MODE": "Dense", "LAY": 1, "N": 4, "EP": 3, "seed": 7},
            "training_split": {"trainPercentage": 80, "valPercentage": 0, "testPercentage": 20},
        }

        async def main():
            changed, ended = asyncio.Event(), asyncio.Event()
            def note(event, data=None):
                result["events"].append([event, data])
                changed.set()

            def refused(data=None):
                result["errors"].append(data)

            def disconnected(*reason):
                ended.set()

            def client():
                sio = socketio.AsyncClient(reconnection=False)
                sio.on("*", note)
                sio.on("connect_error", refused)
                sio.on("disconnect", disconnected)
                return sio

            async def connect(sio):
                auth = {"token": token} if token else None
                transports = None if transport == "upgrade" else [transport]
                try:
                    await sio.connect(url, auth=auth, transports=transports, wait_timeout=30)
                    return True
                except socketio.exceptions.ConnectionError:
                    return False

            async def until(name, count=1):
                async def wait():
                    while [event for event, _ in result["events"]].count(name) < count:
                        changed.clear()
                        await changed.wait()
                await asyncio.wait_for(wait(), 60)

            async def post(path, body):
                headers = {"Authorization": "Bearer " + token}
                async with aiohttp.ClientSession(headers=headers) as http:
                    async with http.post(url + path, json=body) as response:
                        assert response.status < 300, await response.text()

            named = {"session_id": session}
            sio = client()
            if await connect(sio):
                result["transport"] = sio.transport()
                if scenario == "follow":
                    await sio.emit("join_training_session", named)
                    await until("training_session_joined")
                    await post("/v1/training/train-models/" + session, model)
                    await until("training_completed")
                    await sio.emit("request_training_status", named)
                    await until("training_completed", 2)
                    await sio.emit("request_dataset_status", named)
                    await until("dataset_status_update")
                    await sio.call("leave_training_session", named, timeout=60)
                elif scenario == "trespass":
                    for name in ("join_training_session", "request_training_status"):
                        await sio.emit(name, named)
                    await until("training_session_error", 2)
                elif scenario == "revoke":
                    await sio.emit("join_training_session", named)
                    await until("training_session_joined")
                    await post("/v1/auth/logout", {})
                    began = time.monotonic()
                    await asyncio.wait_for(ended.wait(), 60)
                    result["seconds"] = time.monotonic() - began
                    await connect(client())
                await sio.disconnect()

        asyncio.run(main())
        json.dump(result, sys.stdout)
        """
}
