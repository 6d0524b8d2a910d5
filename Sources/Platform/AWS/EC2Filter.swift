/// A condition of a list: an object is listed where the named property has one of the values.
package struct EC2Filter: Sendable, Hashable {
    package let name: String
    package let values: [String]

    /// - Parameter name: in the documentation of the action, such as `instance-state-name`.
    package init(_ name: String, _ values: String...) {
        self.name = name
        self.values = values
    }

    package init(_ name: String, anyOf values: [String]) {
        self.name = name
        self.values = values
    }

    /// Objects with this tag.
    package static func tag(_ key: String, _ value: String) -> EC2Filter { EC2Filter("tag:\(key)", value) }
}

extension QueryRequest {
    mutating func set(_ filters: [EC2Filter]) {
        for (index, filter) in filters.enumerated() {
            set("Filter.\(index + 1).Name", filter.name)
            set("Filter.\(index + 1).Value", list: filter.values)
        }
    }

    /// Tags of what the action makes.
    mutating func set(_ tags: [EC2Tag], of resourceTypes: [String]) {
        guard !tags.isEmpty else { return }
        for (index, type) in resourceTypes.enumerated() {
            set("TagSpecification.\(index + 1).ResourceType", type)
            for (number, tag) in tags.enumerated() {
                set("TagSpecification.\(index + 1).Tag.\(number + 1).Key", tag.key)
                set("TagSpecification.\(index + 1).Tag.\(number + 1).Value", tag.value)
            }
        }
    }
}
