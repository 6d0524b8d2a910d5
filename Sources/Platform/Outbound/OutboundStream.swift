import AsyncHTTPClient
package import NIOCore
import NIOHTTP1

/// A response whose body is read as it arrives. Releasing it without reading closes its connection.
package struct OutboundStream: Sendable {
    package let status: Int
    /// In the order of the response.
    package let headers: [(name: String, value: String)]
    private let body: HTTPClientResponse.Body
    /// Ends with the body. Nil where the request is not traced.
    private let call: OutboundCall?

    init(_ response: HTTPClientResponse, _ call: OutboundCall? = nil) {
        self.call = call
        call?.note(status: Int(response.status.code))
        status = Int(response.status.code)
        headers = response.headers.map { (name: $0.name, value: $0.value) }
        body = response.body
    }

    /// Reads the body to its end. Each chunk is waited for until the client's idle timeout. Chunks that follow one another
    /// fast are gathered (``ReadPace``).
    /// - Parameter use: called with each chunk; returns false to stop reading.
    /// - Throws: ``OutboundFailure``; an error of `use`.
    package func read(_ use: (ByteBuffer) async throws -> Bool) async throws {
        guard let call else { return try await readChunks(use) }
        do { try await readChunks(use) } catch {
            call.end(with: error)
            throw error
        }
        call.end()
    }

    private func readChunks(_ use: (ByteBuffer) async throws -> Bool) async throws {
        var chunks = body.makeAsyncIterator()
        var pace = ReadPace()
        while true {
            let start = ContinuousClock.now
            let chunk: ByteBuffer?
            do { chunk = try await chunks.next() } catch { throw OutboundFailure(error) }
            guard let chunk else { return }
            if pace.pauses(at: chunk.readableBytes, waitedFor: .now - start) {
                do { try await Task.sleep(for: ReadPace.interval) } catch { throw OutboundFailure(error) }
            }
            guard try await use(chunk) else { return }
        }
    }

    /// The whole body.
    /// - Throws: ``OutboundFailure``, also where the body is longer than `bytesMax`.
    package func collect(upTo bytesMax: Int) async throws(OutboundFailure) -> [UInt8] {
        do {
            let bytes = Array(try await body.collect(upTo: bytesMax).readableBytesView)
            call?.end()
            return bytes
        } catch {
            let failure = OutboundFailure(error)
            call?.end(with: failure)
            throw failure
        }
    }
}
