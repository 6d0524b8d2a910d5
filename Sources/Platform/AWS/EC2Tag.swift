/// A tag of an object. Its key has up to 128 characters, its value up to 256.
package struct EC2Tag: Sendable, Hashable {
    package let key: String
    package let value: String

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }

    /// The tags of an object, in `tagSet`.
    static func all(of element: ResponseElement) -> [EC2Tag] {
        element.items("tagSet").compactMap { item in
            item.string("key").map { EC2Tag($0, item.string("value") ?? "") }
        }
    }
}
