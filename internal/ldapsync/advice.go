package ldapsync

// Advice says what an administrator can do about a fault; "" when there is nothing
// to do. docs/reference/directory-sync.md says the same.
func (c FaultCode) Advice() string {
	switch c {
	case SettingsInvalid:
		return "Mend the fields of the settings that have problems."
	case Unreachable:
		return "Look at the names of the hosts, the port, and the firewalls on the way."
	case TLSFailed:
		return "Give the certificate of the CA in the settings, and name the host as its certificate does."
	case BindRefused:
		return "Look at the bind DN, and set its password again."
	case NotAllowed:
		return "Give the bind DN the right to read people and groups, and choose LDAPS."
	case NoSuchBase:
		return "Correct the base, or give the bind DN the right to see it."
	case SizeLimit:
		return "Raise the size limit of the bind DN at the directory."
	case TimeLimit:
		return "Raise the time limit of the bind DN at the directory, or choose smaller pages."
	case Busy, Unavailable, RangeGap:
		return "Nothing needs to be done: the next run tries again."
	case Referred:
		return "Name the server as a host that the directory refers to."
	case PagingLost:
		return "Name one server as the host, and no balancer in front of several."
	case Malformed:
		return "Look at what stands between idms and the directory. With the plain reader you can tell whether it is ours that is mistaken."
	case Dropped:
		return "Look at the idle and session limits of balancers and firewalls on the way."
	case Late:
		return "Give it more time with the two deadlines, or give the directory indexes for the attributes of the filters."
	case TooManyFaulty:
		return "Look at the entry that is named: often the bind DN has lost a right to read."
	case Refused:
		return "The sentence has the directory’s own result code: its documentation says more."
	}
	return ""
}
