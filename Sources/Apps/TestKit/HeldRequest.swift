import App
package import Base
import Foundation
import HTTPTypes
import Modules
import NIOCore

/// A request whose body has arrived up to its last bytes, which the test sends when it wants to.
package struct HeldRequest: Sendable {
    fileprivate let last: ByteBuffer
    fileprivate let rest: AsyncStream<ByteBuffer>.Continuation
    fileprivate let response: Task<TestResponse, Never>

    /// Sends the last bytes.
    package func finish() async -> TestResponse {
        rest.yield(last)
        rest.finish()
        return await response.value
    }
}

extension TestApp {
    /// Sends the head of a request and all but the last byte of its body.
    ///
    /// Returns once the steps before the body have passed, or the request is refused without it.
    package func hold(
        _ method: String, _ path: String, json: JSONValue, token: String? = nil, headers: [String: String] = [:]
    ) async throws -> HeldRequest {
        let bytes = Array(try JSONEncoder().encode(json))
        return await hold(method, path, body: ("application/json", bytes), token: token, headers: headers)
    }

    /// As ``hold(_:_:json:token:headers:)``, with a body that is not JSON.
    /// - Parameter count: how many bytes are held back.
    package func hold(
        _ method: String, _ path: String, body: (contentType: String, bytes: [UInt8]), token: String? = nil,
        headers: [String: String] = [:], last count: Int = 1
    ) async -> HeldRequest {
        var head = HTTPRequest(
            method: HTTPRequest.Method(method) ?? .get, scheme: "http", authority: "localhost", path: path)
        head.headerFields[.contentType] = body.contentType
        if let token { head.headerFields[.authorization] = "Bearer \(token)" }
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { head.headerFields[name] = value }
        }
        let (reached, reach) = AsyncStream<Void>.makeStream()
        let (chunks, rest) = AsyncStream<ByteBuffer>.makeStream()
        let held = HeldBody(first: ByteBuffer(bytes: body.bytes.dropLast(count)), rest: chunks, reached: reach)
        let request = head
        let response = Task { [app] in
            let response = await TestResponse(
                app.dispatcher.respond(
                    to: request, body: RequestBody(held, announcedSize: body.bytes.count), address: "192.0.2.1"))
            reach.finish()
            return response
        }
        for await _ in reached {}
        return HeldRequest(last: ByteBuffer(bytes: body.bytes.suffix(count)), rest: rest, response: response)
    }
}

/// A body that signals when its second chunk is asked for.
private struct HeldBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let first: ByteBuffer
    let rest: AsyncStream<ByteBuffer>
    let reached: AsyncStream<Void>.Continuation

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var first: ByteBuffer?
        fileprivate let rest: AsyncStream<ByteBuffer>
        fileprivate let reached: AsyncStream<Void>.Continuation

        mutating func next() async throws -> ByteBuffer? {
            if let chunk = first {
                first = nil
                return chunk
            }
            reached.finish()
            for await chunk in rest { return chunk }
            return nil
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(first: first, rest: rest, reached: reached) }
}
