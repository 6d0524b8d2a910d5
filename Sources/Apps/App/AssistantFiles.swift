import Assistant
import Synchronization

/// The files of the assistant, each of which is read once: what was checked at the start is what is used.
final class AssistantFiles: Sendable {
    private let readUpstreams = Mutex<[String: Result<[AssistantUpstream], any Error>]>([:])
    private let readToolServers = Mutex<[String: Result<MCPServerFile, MCPServerFile.Fault>]>([:])

    /// - Parameter path: of the file.
    /// - Throws: ``AssistantUpstreamsFile/Fault``.
    func upstreams(_ path: String) throws -> [AssistantUpstream] {
        try readUpstreams.withLock { read in
            let result = read[path] ?? Result { try AssistantUpstreamsFile(path).upstreams }
            read[path] = result
            return result
        }.get()
    }

    /// - Parameter folder: that has the file.
    func toolServers(_ folder: String) throws(MCPServerFile.Fault) -> MCPServerFile {
        try readToolServers.withLock { read in
            if let result = read[folder] { return result }
            let result: Result<MCPServerFile, MCPServerFile.Fault>
            do throws(MCPServerFile.Fault) { result = .success(try MCPServerFile(folder: folder)) } catch {
                result = .failure(error)
            }
            read[folder] = result
            return result
        }.get()
    }
}
