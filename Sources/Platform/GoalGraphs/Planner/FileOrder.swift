/// In which order steps use files: a file is read after it was written, and written after it was read.
struct FileOrder {
    private var writer: [String: String] = [:]
    /// Readers since the last write.
    private var readers: [String: [String]] = [:]
    /// The last step that may use every file.
    private var all: String?
    /// The steps since then.
    private var others: [String] = []

    /// A step that has read the present content.
    func reader(of path: String) -> String? { readers[path]?.first }

    func predecessorsOfRead(_ path: String) -> [String] { [writer[path] ?? all].compactMap(\.self) }

    func predecessorsOfWrite(_ path: String) -> [String] {
        let readers = readers[path] ?? []
        return readers.isEmpty ? predecessorsOfRead(path) : readers
    }

    var predecessorsOfAll: [String] { others.isEmpty ? [all].compactMap(\.self) : others }

    mutating func addRead(_ path: String, _ node: String) {
        readers[path, default: []].append(node)
        others.append(node)
    }

    mutating func addWrite(_ path: String, _ node: String) {
        writer[path] = node
        readers[path] = nil
        others.append(node)
    }

    mutating func addAll(_ node: String) {
        (writer, readers, all, others) = ([:], [:], node, [])
    }
}
