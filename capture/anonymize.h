/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * anonymize - stable tokens in place of names and addresses (record --anonymize).
 *
 * A token is a letter for its kind and hexadecimal digits of HMAC-SHA256 under a key that is
 * made for one recording and never written: the same text has the same token within the
 * recording, and another in the next. Import of the result gives the same facts but for
 * names.
 *
 * What stays, besides numbers that are no addresses (PIDs, CPUs, vectors, times):
 * - names that consist of a word of the kernel's or a VMM's and numbers: swapper/0,
 *   kworker/2:1H, ksoftirqd/3, rcu_preempt, vhost-861, CPU 0/KVM, fc_vcpu 1 ...; whoever
 *   takes such a name says no more by it than that
 * - components of cgroup paths that are the same everywhere: machine.slice, libvirt,
 *   emulator, vcpu3 ...
 * - bit 63 of addresses, as that of guest_rip tells kernel from user, and whether they are 0
 * - of kvm_msr, the data of the local APIC's registers (and Hyper-V's); of kvm_hypercall and
 *   kvm_xen_hypercall, the arguments that calls for IPIs, kicks and yields have; of kvm_exit,
 *   info1 and info2 where the exit reason defines them as other than an address
 *
 * All else of events that are not known here is zeroed but the common fields (type, flags,
 * TID); so are padding, discarded events, and whatever lies behind a page's last event: that
 * is memory used before.
 *
 * Limits: TIDs stay, and who can see the host's processes can map them to names. In a dynamic
 * string (__data_loc) the token is cut to the room that the name had: a shorter token, whose
 * length says how long a name of up to ten bytes was.
 */
#ifndef CAPTURE_ANONYMIZE_H
#define CAPTURE_ANONYMIZE_H

#include <cjson/cJSON.h>
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/vms.h"

struct tep_handle;

#define ANONYMIZE_ERROR (g_quark_from_static_string("anonymize"))

struct anonymize_key {
	unsigned char bytes[32];
};

/* The letter that a token begins with */
enum anonymize_kind {
	ANONYMIZE_COMM = 'c',
	ANONYMIZE_VM = 'v',
	ANONYMIZE_CGROUP = 'g',	/* one component, or a path: components by themselves */
	ANONYMIZE_TEXT = 't',	/* any other */
};

/* A new key from the kernel's random numbers. */
bool anonymize_key_make(struct anonymize_key *key, GError **error);

/*
 * The token of text, which may be any bytes; of a path as many tokens as components. Empty
 * text stays, and so do the names told above. A token has 11 characters and so fits a comm.
 * Free with g_free().
 */
char *anonymize_name(const struct anonymize_key *key, enum anonymize_kind kind, const char *text);

/* 0 stays; else bit 63 stays, bits 62 to 47 equal it, and the lower ones are a token. */
uint64_t anonymize_address(const struct anonymize_key *key, uint64_t address);

/*
 * The names in a list of VMs, so that host_facts() tells tokens: name, uuid, and those of
 * threads and cgroups. To be done after the last vms_select() by name.
 */
void anonymize_vms(const struct anonymize_key *key, struct vm_list *list);

/*
 * The names in host facts, or in a recorder's account of itself: name and uuid in vms, name
 * in vcpus, path in cgroups; at any depth, and behind "recorder." in names of parameters,
 * texts of the keys command, output, vm, vms, host, user, directory. Tokens may be longer
 * than names: to stay within a size, anonymize what documents are made of.
 */
void anonymize_facts(const struct anonymize_key *key, cJSON *facts);

struct anonymizer;

/*
 * For ring-buffer pages whose event formats formats knows, ftrace:print included: of a
 * 64-bit, little-endian kernel. formats must outlive it, and have all formats before the
 * first page. Markers' texts (ftrace:print) are left alone: they are our own. Of what was met
 * lately the tokens are kept (some 300 KiB, and the names); an address that was not takes 1 us.
 */
struct anonymizer *anonymizer_new(const struct anonymize_key *key, struct tep_handle *formats);
void anonymizer_free(struct anonymizer *anonymizer);

/*
 * Rewrite in place a sub-buffer as trace_pipe_raw has it (kernel/trace/ring_buffer.c,
 * buffer_data_page): every event keeps its place, size and time. False: it is damaged, and
 * in part not anonymised; the caller must not write it.
 */
bool anonymize_page(struct anonymizer *anonymizer, unsigned char *page, size_t size);

#endif
