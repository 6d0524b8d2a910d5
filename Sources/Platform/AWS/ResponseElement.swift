/// An element of an XML response, with the text and the elements in it. Attributes are not kept: the responses of the
/// Query protocol have none but namespaces.
struct ResponseElement: Sendable, Equatable {
    let name: String
    let text: String
    let children: [ResponseElement]

    init(_ name: String, text: String = "", children: [ResponseElement] = []) {
        self.name = name
        self.text = text
        self.children = children
    }

    /// The first child of this name.
    subscript(name: String) -> ResponseElement? { children.first { $0.name == name } }

    /// The text of the first child of this name, without white space around it; nil where it is empty.
    func string(_ name: String) -> String? { self[name].flatMap { $0.text.isEmpty ? nil : $0.text } }

    /// The elements of a list, which are named `item`; none where the list is missing.
    func items(_ name: String) -> [ResponseElement] { self[name]?.children.filter { $0.name == "item" } ?? [] }

    /// The first element of this name at any depth, the element itself included.
    func first(_ name: String) -> ResponseElement? {
        if self.name == name { return self }
        for child in children {
            if let found = child.first(name) { return found }
        }
        return nil
    }
}
