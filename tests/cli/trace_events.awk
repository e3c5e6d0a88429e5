# SPDX-License-Identifier: GPL-2.0-or-later
#
# protoc --decode=perfetto.protos.Trace | awk -f trace_events.awk -v dir=DIR
#
# What a trace says, as files of tab-separated values in DIR, strings as protoc escapes them; and on
# standard output, a line each, what Perfetto's importer could not make sense of.
#
#	track	uuid parent name counter		event	n t track type name value
#	flow	n id end				detail	n dict key value
#
# n is the event's number in the file.

function wrong(what) { print "packet " n ": " what }
function plain(text) { return substr(text, 2, length(text) - 2) }

BEGIN {
	FS = "\t"; OFS = "\t"
	for (i = split("track event flow detail", names, " "); i; i--)
		printf "" > (dir "/" names[i])
}

# the path of what is open: "packet.track_event.debug_annotations"
/\{$/ {
	field = $0
	gsub(/[ {]/, "", field)
	path = path == "" ? field : path "." field
	if (path == "packet") {
		n++
		split("", is); n_flows = n_details = n_says = 0
	} else if (field == "debug_annotations" || field == "dict_entries") {
		n_details++
		key[n_details] = value[n_details] = ""
		inner[n_details] = field == "dict_entries" ? outer : 0
		if (field == "debug_annotations")
			outer = n_details
	}
	next
}

/^ *\}$/ {
	if (path == "packet")
		packet()
	if (path == "packet.track_event.debug_annotations.dict_entries" || path ~ /\./)
		sub(/\.[^.]*$/, "", path)
	else
		path = ""
	next
}

{
	colon = index($0, ": ")
	field = substr($0, 1, colon - 1)
	gsub(/ /, "", field)
	text = substr($0, colon + 2)
	if (path == "packet.interned_data.event_names" || path == "packet.interned_data.debug_annotation_names" ||
	    path == "packet.interned_data.debug_annotation_string_values") {
		kind = substr(path, 22)
		if (field == "iid")
			iid = text
		else if ((kind, iid) in interned)
			wrong(kind " " iid " is said twice")
		else
			interned[kind, iid] = plain(text)
	} else if (path ~ /^packet\.track_event\.debug_annotations/) {
		if (field == "name_iid") key[n_details] = text
		else if (field == "int_value") value[n_details] = text
		else value[n_details] = "=" text
		if (path !~ /dict_entries$/ && field == "name_iid") outer = n_details
	} else if (field == "flow_ids" || field == "terminating_flow_ids") {
		flow[++n_flows] = text
		ends[n_flows] = field == "terminating_flow_ids"
	} else {
		is[path "." field] = text
	}
}

function meaning(kind, iid) {
	if (!((kind, iid) in interned))
		wrong(kind " " iid " is not known")
	return interned[kind, iid]
}

function packet(   e, i, track, t, type, name, v) {
	if (is["packet.trusted_packet_sequence_id"] != 1)
		wrong("of another sequence")
	if (n == 1) {
		if (!("packet.clock_snapshot.primary_trace_clock" in is))
			wrong("the first one does not say the clock")
		return
	}
	if (is["packet.sequence_flags"] != (n == 2 ? 3 : 2))
		wrong("flags " is["packet.sequence_flags"])
	if ("packet.track_descriptor.uuid" in is) {
		e = "packet.track_descriptor."
		track = is[e "uuid"]
		if (track in known)
			wrong("track " track " is described twice")
		if ((e "parent_uuid") in is && !(is[e "parent_uuid"] in known))
			wrong("the parent of track " track " is not known")
		known[track] = 1
		print track, is[e "parent_uuid"], plain(is[e "name"]), is[e "counter.unit"] > (dir "/track")
		return
	}
	e = "packet.track_event."
	track = is[e "track_uuid"]
	t = is["packet.timestamp"]
	type = is[e "type"]
	name = (e "name_iid") in is ? meaning("event_names", is[e "name_iid"]) : ""
	if (!(track in known))
		wrong("track " track " is not known")
	if (track in last && t + 0 < last[track] + 0)
		wrong("track " track " goes back from " last[track] " to " t)
	last[track] = t
	if (type == "TYPE_SLICE_BEGIN")
		open_slices[track]++
	else if (type == "TYPE_SLICE_END" && --open_slices[track] < 0)
		wrong("track " track ": an end without a beginning")
	if (open_slices[track] > 1)
		wrong("track " track ": a slice in a slice")
	print n, t, track, substr(type, 6), name, is[e "counter_value"] > (dir "/event")
	for (i = 1; i <= n_flows; i++)
		print n, flow[i], ends[i] > (dir "/flow")
	for (i = 1; i <= n_details; i++) {
		v = value[i]
		if (v ~ /^=/)
			v = meaning("debug_annotation_string_values", substr(v, 2))
		if (v != "")
			print n, inner[i] ? meaning("debug_annotation_names", key[inner[i]]) : "", \
				meaning("debug_annotation_names", key[i]), v > (dir "/detail")
	}
}

END {
	for (track in open_slices)
		if (open_slices[track])
			print "track " track ": a slice has no end"
}
