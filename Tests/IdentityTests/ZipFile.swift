import Base
import Foundation
import TestKit

/// The entries of a zip file, read by Python's zipfile.
struct ZipFile {
    struct Entry: Decodable {
        var bytes: Int64
        var sha256: String
        /// The content of an entry of UTF-8 text with at most 4 MiB; nil for others.
        var text: String?
    }

    let entries: [String: Entry]

    init(_ bytes: [UInt8]) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "gatehouse-zip-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try self.init(at: file.path)
    }

    init(at path: String) throws {
        let data = try Python.run(["-c", Self.reader, path])
        entries = try JSONDecoder().decode([String: Entry].self, from: data)
    }

    func json(_ name: String) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data((entries[name]?.text ?? "").utf8))
    }

    private static let reader = """
        import hashlib, json, sys, zipfile
        entries = {}
        with zipfile.ZipFile(sys.argv[1]) as archive:
            assert archive.testzip() is None
            for info in archive.infolist():
                assert info.filename not in entries
                digest, size, content = hashlib.sha256(), 0, b""
                with archive.open(info) as f:
                    while piece := f.read(1 << 20):
                        digest.update(piece)
                        size += len(piece)
                        if size <= 1 << 22: content += piece
                try: text = content.decode() if size <= 1 << 22 else None
                except UnicodeDecodeError: text = None
                entries[info.filename] = dict(bytes=size, sha256=digest.hexdigest(), text=text)
        print(json.dumps(entries))
        """
}
