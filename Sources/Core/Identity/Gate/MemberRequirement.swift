package import Modules

/// A requirement that yields the scope of a ``Member``.
package protocol MemberRequirement: Requirement where Proof == Scope {
    var member: Member { get }
}

extension Member: MemberRequirement {
    package var member: Member { self }
}

extension RoleRequirement: MemberRequirement {}
extension OrganisationRoleRequirement: MemberRequirement {}
